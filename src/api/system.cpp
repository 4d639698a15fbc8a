// What machines ask of a server: is it well, what can it do, how is it doing.
#include <fmt/format.h>

#include "api/common.h"
#include "base/metrics.h"

namespace lemmy::api {
namespace {

constexpr milliseconds kStoreLimit{3'000};

net::Response plain(std::string text) {
  net::Response r;
  r.headers.emplace("Content-Type", "text/plain; charset=utf-8");
  r.body = std::move(text);
  return r;
}

Task<net::Response> healthz(Shared, route::Call) { co_return plain("ok\n"); }

// A cluster that is away is told but does not make Lemmy unready: taken out of service it could not even say
// so.
Task<net::Response> readyz(Shared s, route::Call call) {
  auto store = co_await with_deadline(s->store->check(), kStoreLimit, "the store");
  json::array clusters;
  for (const json::value& c : s->board->frame()["clusters"].as_array()) {
    json::object o = c.as_object();
    if (call.who.kind == access::Identity::Kind::anonymous) o.erase("trouble");  // may name hosts
    clusters.push_back(std::move(o));
  }
  json::object o{{"ready", store.has_value()}, {"clusters", std::move(clusters)}};
  o["store"] = store ? std::string("ok") : std::string(name(store.error().code));
  // What is not let go only grows: it is told, and makes nobody unready.
  if (s->retention && s->retention->trouble()) {
    const Error& e = *s->retention->trouble();
    o["retention"] = call.who.kind == access::Identity::Kind::anonymous ? std::string(name(e.code)) : e.str();
  } else {
    o["retention"] = "ok";
  }
  co_return route::json_response(o, store ? 200 : 503);
}

void set_sizes(deploy::Retention& retention) {
  const deploy::Retention::Sizes& sizes = retention.sizes();
  for (const store::Size& size : sizes.kinds) {
    const metrics::Label label{"kind", size.kind};
    metrics::gauge("lemmy_store_items", "What the store keeps, as last counted", {label},
                   static_cast<double>(size.count));
    if (size.bytes >= 0)
      metrics::gauge("lemmy_store_bytes", "How much that is", {label}, static_cast<double>(size.bytes));
  }
  metrics::gauge("lemmy_archive_bytes", "All files of the archive", {}, static_cast<double>(sizes.archive));
  metrics::gauge("lemmy_retention_ok", "0 while something should be let go and cannot", {},
                 !retention.trouble());
}

void set_gauges(const live::Services& s, bool store_ok, double store_seconds) {
  const std::string_view phase_name = "lemmy_targets";
  metrics::clear(phase_name);
  std::map<Phase, int> by_phase;
  for (const Target& t : s.conductor->targets())
    if (const Deploy* d = s.conductor->latest(t)) ++by_phase[d->phase];
  for (const auto& [phase, n] : by_phase)
    metrics::gauge(phase_name, "Targets by the phase of their newest deploy",
                   {{"phase", std::string(name(phase))}}, n);
  metrics::gauge("lemmy_deploys_unfinished", "Deploys that are queued or under way", {},
                 static_cast<double>(s.conductor->unfinished()));
  const json::object frame = s.board->frame();
  for (const char* of_clusters : {"lemmy_cluster_up", "lemmy_cluster_pods", "lemmy_watch_relists_total"})
    metrics::clear(of_clusters);
  for (const json::value& v : frame.at("clusters").as_array()) {
    const json::object& c = v.as_object();
    const metrics::Label label{"cluster", std::string(text_or(c, "name"))};
    metrics::gauge("lemmy_cluster_up", "1 while the cluster is seen", {label}, bool_or(c, "ok"));
    metrics::gauge("lemmy_cluster_pods", "Pods of Lemmy's deploys in the cluster", {label},
                   c.at("pods").to_number<double>());
    metrics::gauge("lemmy_watch_relists_total", "Full lists after a watch could not go on", {label},
                   c.at("relists").to_number<double>());
  }
  metrics::gauge("lemmy_config_problems", "Problems of configuration files that are newer than those in use",
                 {}, static_cast<double>(frame.at("problems").as_array().size()));
  metrics::gauge("lemmy_store_up", "1 while the store takes writes", {}, store_ok);
  metrics::gauge("lemmy_store_check_seconds", "How long the store took to say so", {}, store_seconds);
  if (s.retention) set_sizes(*s.retention);
  metrics::gauge("lemmy_info", "Always 1", {{"version", LEMMY_VERSION}}, 1);
}

Task<net::Response> show_metrics(Shared s, route::Call) {
  const auto began = Clock::now();
  auto store = co_await with_deadline(s->store->check(), kStoreLimit, "the store");
  const std::chrono::duration<double> took = Clock::now() - began;
  set_gauges(*s, store.has_value(), took.count());
  net::Response r;
  r.headers.emplace("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  r.body = metrics::text();
  co_return r;
}

Task<net::Response> store(Shared s, route::Call call) {
  auto o = s->board->store();
  if (!o) co_return problem(call, o.error());
  co_return route::json_response(*o);
}

Task<net::Response> show_openapi(const route::Router* router) {
  json::object doc = route::openapi(router->routes(), LEMMY_VERSION);
  json::object& all = doc["components"].as_object()["schemas"].as_object();
  for (auto& [name, schema] : schemas()) all[name] = schema;
  co_return route::json_response(doc);
}

}  // namespace

void add_system(route::Router& router, Shared s) {
  using Function = Task<net::Response> (*)(Shared, route::Call);
  auto get = [&](std::string pattern, std::string summary, Function f) {
    router.add({.method = "GET",
                .pattern = std::move(pattern),
                .who = route::Who::anyone,
                .kind = route::Kind::plain,
                .summary = std::move(summary),
                .handle = [s, f](route::Call call) { return f(s, std::move(call)); }});
  };
  get("/healthz", "Is the process alive", healthz);
  get("/readyz", "Can work be accepted: 503 while the store takes none", readyz);
  get("/metrics", "Prometheus metrics", show_metrics);
  router.add({.method = "GET",
              .pattern = "/api/v1/store",
              .who = route::Who::viewer,
              .kind = route::Kind::api,
              .summary = "How much is kept, what is let go, and the archive",
              .handle = [s](route::Call call) { return store(s, std::move(call)); },
              .openapi = {{"responses", ok_response("200", "sizes and policy", "Store")}}});
  router.add({.method = "GET",
              .pattern = "/openapi.json",
              .who = route::Who::anyone,
              .kind = route::Kind::plain,
              .summary = "This document",
              .handle = [r = &router](route::Call) { return show_openapi(r); }});
}

}  // namespace lemmy::api
