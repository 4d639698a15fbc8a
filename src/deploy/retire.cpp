#include <fmt/format.h>

#include "deploy/worker.h"

namespace lemmy::deploy {
namespace {

kube::Ref rc_ref(const Deploy& d) {
  return {"/api/v1", "replicationcontrollers", d.target.environment, d.object_name};
}
kube::Ref hpa_ref(const Deploy& d) {
  return {"/apis/autoscaling/v2", "horizontalpodautoscalers", d.target.environment, d.object_name};
}

}  // namespace

Task<Result<>> Worker::keep(Deploy d, DeployEvent e) {
  d.note.clear();
  Move m{std::move(d), {}};
  m.events.push_back(std::move(e));
  bool written = co_await store(std::move(m));
  if (!written) co_return fail(ErrorCode::unavailable, "store", "what was done could not be written");
  co_return Result<>{};
}

// An autoscaler leaves an RC of 0 alone: https://kubernetes.io/docs/concepts/workloads/autoscaling/
Task<Result<>> Worker::zero(Deploy d) {
  auto done = co_await cluster()->client().scale(rc_ref(d), 0);
  const bool gone = !done && done.error().code == ErrorCode::not_found;
  if (!done && !gone) co_return fail(done.error());
  crash_point();
  // Its autoscaler and the copy of its files may still be there: it is removed next.
  if (gone) d.wanted = Wanted::deleted;
  if (!gone) d.presence = Presence::zeroed;
  d.running = 0;
  auto e = event(d, now(), "action", "lemmy",
                 gone ? "there is nothing to scale to 0: its ReplicationController is gone" : "scaled to 0");
  co_return co_await keep(std::move(d), std::move(e));
}

// The garbage collector takes the copy with its last RC; one that no RC ever owned must be taken by hand.
Task<Result<>> Worker::remove_config_map(kube::Client* client, Deploy d, std::string rc_uid) {
  if (d.config_map.empty()) co_return Result<>{};
  kube::Ref ref{"/api/v1", "configmaps", d.target.environment, d.config_map};
  auto copy = co_await client->get(ref);
  if (!copy) co_return fail(copy.error());
  if (!*copy || !kube::other_owners(**copy, rc_uid).empty()) co_return Result<>{};
  co_return co_await client->remove(ref);
}

Task<Result<>> Worker::remove(Deploy d) {
  kube::Client* client = &cluster()->client();
  auto rc = co_await client->get(rc_ref(d));
  if (!rc) co_return fail(rc.error());
  const std::string uid = *rc ? kube::parse_meta(**rc).uid : "";
  auto hpa = co_await client->remove(hpa_ref(d));
  if (!hpa) co_return fail(hpa.error());
  crash_point();
  auto copy = co_await remove_config_map(client, d, uid);
  if (!copy) co_return fail(copy.error());
  auto gone = co_await client->remove(rc_ref(d));
  if (!gone) co_return fail(gone.error());
  crash_point();
  d.presence = Presence::deleted;
  d.running = 0;
  auto e = event(d, now(), "action", "lemmy", "deleted from the cluster");
  co_return co_await keep(std::move(d), std::move(e));
}

Task<Result<>> Worker::restore(Deploy d) {
  auto done = co_await cluster()->client().scale(rc_ref(d), *d.scale_to);
  const bool gone = !done && done.error().code == ErrorCode::not_found;
  if (!done && !gone) co_return fail(done.error());
  crash_point();
  DeployEvent e = event(d, now(), "action", "lemmy", fmt::format("scaled to {}", *d.scale_to));
  d.scale_to.reset();
  if (gone) {
    d.wanted = Wanted::deleted;  // what is left of it is removed next
    e.text = "it cannot be restored: its ReplicationController is gone; roll back to it instead";
  } else {
    d.presence = Presence::running;
    if (d.serving_since) d.serving_since = now();  // what was never live does not become the one that serves
  }
  co_return co_await keep(std::move(d), std::move(e));
}

Task<bool> Worker::retire(Step* step) {
  for (const Deploy& d : c_.state(target_).copy()) {
    const bool to_zero = d.wanted == Wanted::zeroed && d.presence == Presence::running;
    const bool to_delete = d.wanted == Wanted::deleted && d.presence != Presence::deleted;
    const bool to_restore = d.wanted == Wanted::running && d.presence == Presence::zeroed && d.scale_to;
    if (!to_zero && !to_delete && !to_restore) continue;
    if (waits(d.number, step)) continue;
    Result<> done = fail(ErrorCode::unavailable, target_.environment, "no cluster is configured");
    if (auto same = same_cluster(d); !same) {
      done = fail(same.error());
    } else if (cluster()) {
      if (to_zero)
        done = co_await zero(d);
      else if (to_delete)
        done = co_await remove(d);
      else
        done = co_await restore(d);
    }
    if (done) {
      retries_.erase(d.number);
      co_return true;
    }
    retry_later(d.number, step);
    Deploy noted = d;
    noted.note = "trying again: " + done.error().str();
    if (noted.note == d.note) continue;
    auto e = event(noted, now(), "warning", "lemmy", noted.note);
    (void)co_await store({std::move(noted), {std::move(e)}});
  }
  co_return false;
}

Task<Result<bool>> Worker::is_there(kube::Cluster* cluster, Deploy d) {
  auto rc = co_await cluster->client().get(rc_ref(d));
  if (!rc) co_return fail(rc.error());
  co_return rc->has_value();
}

Task<bool> Worker::notice(Step* step) {
  kube::Cluster* cluster = this->cluster();
  if (!cluster || !cluster->is_live()) co_return false;
  for (const Deploy& d : c_.state(target_).copy()) {
    // What is to be deleted is not done with its controller: retire() goes on until all of it is gone.
    if (!is_finished(d.phase) || d.object_name.empty() || d.wanted == Wanted::deleted || !same_cluster(d) ||
        d.deployer == Deployer::ansible)
      continue;
    if (d.presence != Presence::running && d.presence != Presence::zeroed) continue;
    const kube::ReplicationController* rc = cluster->rc({target_, d.number});
    // A write of ours that the watch has not shown yet must not look like somebody's.
    if (rc) continue;
    if (d.finished_at && now() - *d.finished_at < seconds{2}) {
      step->sooner(seconds{2});
      continue;
    }
    auto there = co_await is_there(cluster, d);
    if (!there || *there) {
      step->sooner(seconds{5});
      continue;
    }
    Deploy next = d;
    next.presence = Presence::deleted;
    next.wanted = Wanted::deleted;
    next.running = 0;
    auto e =
        event(next, now(), "warning", "lemmy", "somebody deleted its ReplicationController in the cluster");
    co_return co_await store({std::move(next), {std::move(e)}});
  }
  co_return false;
}

// Whether the one that serves can do without those before it; one of no pods was asked for so.
bool Worker::serving_ready() const {
  const Deploy* d = c_.current(target_);
  kube::Cluster* cluster = this->cluster();
  if (!d || !cluster || !cluster->is_live()) return false;
  const kube::ReplicationController* rc = cluster->rc({target_, d->number});
  return rc && (rc->wanted == 0 || c_.live_ready(target_) > 0);
}

Task<bool> Worker::apply_policy(Step* step) {
  auto config = c_.around_.config();
  const config::Environment* environment = config->environment(target_.environment);
  if (!environment) co_return false;
  auto all = c_.state(target_).copy();
  const bool ready = serving_ready();
  for (auto [number, wanted] : due(all, environment->retire, now(), ready)) {
    const Deploy* d = c_.find(target_, number);
    if (!d) continue;
    Deploy next = *d;
    next.wanted = wanted;
    auto e = event(next, now(), "action", "lemmy",
                   wanted == Wanted::zeroed ? "to be scaled to 0 by the environment's retire policy"
                                            : "to be deleted by the environment's retire policy");
    co_return co_await store({std::move(next), {std::move(e)}});
  }
  if (auto wait = until_due(all, environment->retire, now()))
    step->sooner(ready ? *wait : std::max<milliseconds>(*wait, seconds{5}));
  co_return false;
}

}  // namespace lemmy::deploy
