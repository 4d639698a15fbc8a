// What machines ask of a server: is it well, what can it do, how is it doing.
#include "api/metrics.h"

namespace lemmy::api {
namespace {

net::Response plain(std::string text) {
  net::Response r;
  r.headers.emplace("Content-Type", "text/plain; charset=utf-8");
  r.body = std::move(text);
  return r;
}

Task<net::Response> healthz(Shared, route::Call) { co_return plain("ok\n"); }

// A cluster that is away is told but does not make Lemmy unready: taken out of service it could not even say
// so.
Task<net::Response> readyz(Shared s, std::shared_ptr<StoreLook> look, route::Call call) {
  const auto store = (co_await StoreLook::ask(std::move(look))).ok;
  const bool stranger = call.who.kind == access::Identity::Kind::anonymous;
  json::object frame = s->board->frame();
  json::array clusters;
  for (const json::value& c : frame["clusters"].as_array()) {
    json::object o = c.as_object();
    if (stranger) o.erase("trouble"), o.erase("missing_rights");  // may name hosts
    clusters.push_back(std::move(o));
  }
  json::object o{{"ready", store.has_value()}, {"clusters", std::move(clusters)}};
  o["store"] = store ? std::string("ok") : std::string(name(store.error().code));
  // What is not let go only grows: it is told, and makes nobody unready.
  if (s->retention && s->retention->trouble()) {
    const Error& e = *s->retention->trouble();
    o["retention"] = stranger ? std::string(name(e.code)) : e.str();
  } else {
    o["retention"] = "ok";
  }
  // What is in use goes on, so it makes nobody unready either.
  json::array& problems = frame["problems"].as_array();
  for (const json::value& left : frame["left"].as_array()) {
    const json::object& o = left.as_object();
    problems.push_back({{"where", o.at("where")}, {"what", o.at("what")}, {"hint", o.at("hint")}});
  }
  o["configuration"] = problems.empty() ? json::value("ok") : stranger ? json::value("invalid") : problems;
  co_return route::json_response(o, store ? 200 : 503);
}

Task<net::Response> store(Shared s, route::Call call) {
  auto o = s->board->store();
  if (!o) co_return problem(call, o.error());
  co_return route::json_response(*o);
}

Task<net::Response> strays(Shared s, route::Call) { co_return route::json_response(s->board->strays()); }

Task<net::Response> whoami(Shared, route::Call call) {
  using Kind = access::Identity::Kind;
  const access::Identity& who = call.who;
  json::array projects, environments;
  for (const std::string& p : who.projects) projects.emplace_back(p);
  const std::string of = who.projects.empty() ? "" : who.projects.front();
  for (const config::Environment& e : call.config->environments) {
    const auto may = access::check(who, access::Role::deployer, *call.config, {of, e.name});
    environments.push_back(
        {{"name", e.name}, {"may_deploy", may.has_value()}, {"why", may ? "" : may.error().what}});
  }
  json::object o{{"name", who.name}, {"role", config::name(who.role)}};
  o["kind"] = who.kind == Kind::user ? "user" : who.kind == Kind::token ? "token" : "anonymous";
  o["projects"] = who.projects.empty() ? json::value(nullptr) : json::value(std::move(projects));
  o["environments"] = std::move(environments);
  co_return route::json_response(o);
}

Task<net::Response> accept_cluster(Shared s, route::Call call) {
  if (!call.who.projects.empty())
    co_return problem(call, {ErrorCode::forbidden, "cluster", "a token for some projects may not do this"});
  auto body = route::body_object(call.request);
  if (!body) co_return problem(call, body.error());
  if (auto ok = check_keys(*body, {"uid", "csrf"}); !ok) co_return problem(call, ok.error());
  const std::string uid(text_or(*body, "uid"));
  if (uid.empty())
    co_return problem(call, {ErrorCode::invalid, "uid", "the uid of the cluster that is meant is missing",
                             "/readyz has it, in the trouble of the cluster"});
  auto done = co_await live::in_time(s->accept_cluster(call.param("cluster"), uid, call.who.name));
  if (!done) co_return problem(call, done.error());
  co_return route::json_response({{"cluster", call.param("cluster")}, {"uid", uid}});
}

// Anybody may ask for it, and it takes milliseconds to make: once, when all routes are there.
Task<net::Response> show_openapi(const route::Router* router, std::shared_ptr<net::Shared> made) {
  net::Response r;
  if (!*made) {
    json::object doc = route::openapi(router->routes(), LEMMY_VERSION);
    json::object& all = doc["components"].as_object()["schemas"].as_object();
    for (auto& [name, schema] : schemas()) all[name] = schema;
    r = route::json_response(doc);
    *made = std::make_shared<const std::string>(std::move(r.body));
  } else {
    r = route::json_response(nullptr);
  }
  r.body.clear();
  r.shared_body = *made;
  co_return r;
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
  auto look = std::make_shared<StoreLook>(s->store);
  router.add({.method = "GET",
              .pattern = "/readyz",
              .who = route::Who::anyone,
              .kind = route::Kind::plain,
              .summary = "Can work be accepted: 503 while the store takes none",
              .handle = [s, look](route::Call call) { return readyz(s, look, std::move(call)); }});
  add_metrics(router, s, look);
  auto tell = [&](std::string pattern, std::string summary, Function f, std::string about,
                  std::string schema) {
    router.add({.method = "GET",
                .pattern = std::move(pattern),
                .who = route::Who::viewer,
                .kind = route::Kind::api,
                .summary = std::move(summary),
                .handle = [s, f](route::Call call) { return f(s, std::move(call)); },
                .openapi = {{"responses", ok_response("200", about, schema)}}});
  };
  tell("/api/v1/store", "How much is kept, what is let go, and the archive", store, "sizes and policy",
       "Store");
  tell("/api/v1/whoami", "Who the caller is, and where that may deploy", whoami, "the caller", "Whoami");
  tell("/api/v1/strays", "Objects with Lemmy's labels that belong to no deploy known here", strays,
       "the objects", "Strays");
  json::object uid =
      json_body({{"uid", text_schema("of its namespace kube-system, as /readyz tells it")}}, {"uid"});
  router.add({.method = "POST",
              .pattern = "/api/v1/clusters/{cluster}/accept",
              .who = route::Who::admin,
              .kind = route::Kind::api,
              .summary = "A cluster was replaced on purpose: go on with the one that answers now",
              .handle = [s](route::Call call) { return accept_cluster(s, std::move(call)); },
              .openapi = {{"requestBody", std::move(uid)},
                          {"responses", ok_response("200", "the cluster", "AcceptedCluster")}}});
  router.add({.method = "GET",
              .pattern = "/openapi.json",
              .who = route::Who::anyone,
              .kind = route::Kind::plain,
              .summary = "This document",
              .handle = [r = &router, made = std::make_shared<net::Shared>()](route::Call) {
                return show_openapi(r, made);
              }});
}

}  // namespace lemmy::api
