// GET /metrics: what is counted where it happens, and what is looked up now.
#include "api/metrics.h"

#include "base/metrics.h"
#include "base/process_metrics.h"
#include "deploy/measure.h"
#include "live/viewer.h"

namespace lemmy::api {
namespace {

// Deploys that are not finished, and each target's newest.
void set_deploys(const live::Services& s) {
  constexpr Phase phases[] = {Phase::queued,      Phase::preparing, Phase::applying,
                              Phase::rolling_out, Phase::settling,  Phase::live,
                              Phase::failed,      Phase::cancelled, Phase::superseded};
  std::map<Phase, int> now_in, newest_in;
  std::map<Phase, Time> oldest;
  auto add = [&](const Deploy& d) {
    ++now_in[d.phase];
    auto [it, first] = oldest.emplace(d.phase, d.phase_at);
    if (!first) it->second = std::min(it->second, d.phase_at);
  };
  for (const Target& t : s.conductor->targets()) {
    if (const Deploy* d = s.conductor->latest(t)) ++newest_in[d->phase];
    if (const Deploy* d = s.conductor->active(t)) add(*d);
    for (const Deploy* d : s.conductor->queued(t)) add(*d);
  }
  const Time at = now();
  for (Phase p : phases) {
    const metrics::Label phase{"phase", std::string(name(p))};
    metrics::gauge("lemmy_targets", "Targets by the phase of their newest deploy", {phase}, newest_in[p]);
    if (is_finished(p)) continue;
    metrics::gauge("lemmy_deploys", "Deploys by the phase they are in now; queued: the length of all queues",
                   {phase}, now_in[p]);
    const milliseconds age = oldest.contains(p) ? std::max(milliseconds{0}, at - oldest[p]) : milliseconds{0};
    metrics::gauge("lemmy_deploys_oldest_age_seconds",
                   "How long the oldest one has been in its phase; 0: none is", {phase},
                   static_cast<double>(age.count()) / 1000);
  }
  for (const config::Environment& e : s.config()->environments) deploy::show_verdicts(e.name);
}

void set_clusters(const json::object& frame) {
  for (const char* of_clusters : {"lemmy_cluster_up", "lemmy_cluster_namespaces_unseen", "lemmy_cluster_pods",
                                  "lemmy_cluster_missing_rights", "lemmy_watch_relists_total"})
    metrics::clear(of_clusters);
  for (const json::value& v : frame.at("clusters").as_array()) {
    const json::object& c = v.as_object();
    const metrics::Label label{"cluster", std::string(text_or(c, "name"))};
    // One namespace that cannot be seen is no cluster that is away.
    const bool some = bool_or(c, "ok") || bool_or(c, "any_seen");
    metrics::gauge("lemmy_cluster_up", "1 while the cluster, or a namespace of it, is seen", {label}, some);
    metrics::gauge("lemmy_cluster_namespaces_unseen", "Namespaces of its own list that are not seen", {label},
                   some ? static_cast<double>(c.at("unseen").as_array().size()) : 0);
    metrics::gauge("lemmy_cluster_pods", "Pods of Lemmy's deploys in the cluster", {label},
                   c.at("pods").to_number<double>());
    metrics::gauge("lemmy_cluster_missing_rights", "Rights that Lemmy's account lacks there", {label},
                   static_cast<double>(c.at("missing_rights").as_array().size()));
    metrics::total("lemmy_watch_relists_total", "Full lists after a watch could not go on", {label},
                   c.at("relists").to_number<double>());
  }
}

// Every server looks for itself; one of them counts.
void set_drifts(const live::Services& s, const json::object& frame) {
  for (const char* of_targets : {"lemmy_targets_drifted", "lemmy_targets_drift_unknown"})
    metrics::clear(of_targets);
  if (s.drifts && s.conductor->leading())
    for (const auto& [environment, count] : s.drifts->counts()) {
      const metrics::Label label{"environment", environment};
      metrics::gauge("lemmy_targets_drifted",
                     "Targets where something is not as the deploy that serves was applied", {label},
                     count.drifted);
      metrics::gauge("lemmy_targets_drift_unknown", "Targets of which that is not, or not wholly, known",
                     {label}, count.unknown);
    }
  metrics::gauge("lemmy_stray_objects", "Objects with Lemmy's labels that nobody looks after", {},
                 frame.at("strays").at("total").to_number<double>());
}

// What serves on pods and is seen, and gets no requests.
void set_unanswered(const live::Services& s) {
  metrics::clear("lemmy_targets_unanswered");
  std::map<std::string, int> unanswered;
  for (const Target& t : s.conductor->targets()) {
    const Deploy* d = s.conductor->current(t);
    if (!d || d->deployer != Deployer::kubernetes) continue;
    int& n = unanswered[t.environment];
    const json::value answers = s.board->answers(t);
    if (answers.is_object() && answers.get_object().at("deploys").as_array().empty()) ++n;
  }
  for (const auto& [environment, n] : unanswered)
    metrics::gauge("lemmy_targets_unanswered", "Targets where something serves and nobody answers requests",
                   {{"environment", environment}}, n);
}

void set_sizes(retention::Retention& retention) {
  const retention::Retention::Sizes& sizes = retention.sizes();
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

Task<net::Response> show_metrics(Shared s, std::shared_ptr<StoreLook> look) {
  const auto store = co_await StoreLook::ask(std::move(look));
  const std::chrono::duration<double> took = store.took;
  co_await s->pool->run([] {
    metrics::set_process();
    return true;
  });
  set_deploys(*s);
  const json::object frame = s->board->frame();
  set_clusters(frame);
  set_drifts(*s, frame);
  set_unanswered(*s);
  metrics::gauge("lemmy_config_problems",
                 "Problems of configuration files that are newer than those in use, and of keys", {},
                 static_cast<double>(frame.at("problems").as_array().size()));
  metrics::gauge("lemmy_left_targets", "Targets with deploys that are not in the configuration any more", {},
                 static_cast<double>(frame.at("left").as_array().size()));
  metrics::gauge("lemmy_store_up", "1 while the store takes writes", {}, store.ok.has_value());
  metrics::gauge("lemmy_store_check_seconds", "How long the store took to say so", {}, took.count());
  metrics::gauge("lemmy_leader", "1 while this server moves deploys", {}, s->conductor->leading());
  if (s->retention) set_sizes(*s->retention);
  live::Viewer::count(0);
  metrics::gauge("lemmy_instance_runs", "Playbook runs on hosts that asked for their build, under way", {},
                 s->instances ? static_cast<double>(s->instances->runs()) : 0);
  metrics::gauge("lemmy_build_info", "Always 1; the version of this server", {{"version", LEMMY_VERSION}}, 1);
  net::Response r;
  r.headers.emplace("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  r.body = metrics::text();
  co_return r;
}

}  // namespace

void add_metrics(route::Router& router, Shared s, std::shared_ptr<StoreLook> look) {
  router.add({.method = "GET",
              .pattern = "/metrics",
              .who = route::Who::anyone,
              .kind = route::Kind::plain,
              .summary = "Prometheus metrics",
              .handle = [s, look](route::Call) { return show_metrics(s, look); }});
}

}  // namespace lemmy::api
