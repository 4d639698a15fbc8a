#include "pods/place.h"

#include <fmt/format.h>

#include "deploy/crash_point.h"
#include "deploy/machine.h"
#include "pods/verdict.h"

namespace lemmy::pods {

using deploy::Left;
using deploy::of_place;

constexpr int kLooks = 20;
constexpr milliseconds kBetweenLooks{100};
constexpr size_t kDeletedTogether = 8;

Workload workload_of(const Deploy& d) {
  const auto said = d.places.empty() ? std::nullopt : workload_named(d.places.front().kind);
  return said.value_or(Workload::replication_controller);
}

kube::Ref controller_ref(const Deploy& d) {
  const WorkloadTraits& of = traits(workload_of(d));
  return {std::string(of.api), std::string(of.resource), d.target.environment, d.object_name};
}
kube::Ref autoscaler_ref(const Deploy& d) {
  return {"/apis/autoscaling/v2", "horizontalpodautoscalers", d.target.environment, d.object_name};
}

// A server that was paused goes on in the middle of a step, and another may lead by then.
Result<> Place::may_act() const {
  if (!around_.may_act || around_.may_act()) return {};
  return deploy::of_store(
      {ErrorCode::unavailable, "lease", "it was not renewed in time: another server may have taken over"});
}

std::vector<const kube::Pod*> pods_of(const kube::Cluster& cluster, const kube::Owner& owner) {
  const kube::Controller* controller = cluster.controller(owner);
  return controller ? cluster.pods(owner, controller->meta.uid) : cluster.pods(owner);
}

static deploy::Sight sight_of(const kube::Controller* controller, const Verdict& v) {
  deploy::Sight s;
  s.there = controller && !controller->meta.deleting;
  s.observed = controller && controller->observed;
  s.wanted = controller ? controller->wanted : 0;
  s.pods = v.pods;
  s.ready = v.ready;
  s.fatal = v.fatal;
  s.failed = v.failed;
  s.may_be_made = v.may_be_made;
  s.cause = v.cause;
  return s;
}

int Place::crash_loops(const Deploy& d) const {
  auto config = around_.config();
  const config::Project* p = config->project(d.target.project);
  return p ? p->crash_loops : config::Project{}.crash_loops;
}

deploy::Sight Place::look(const Deploy& d) const {
  const Workload workload = workload_of(d);
  cluster_.follow(workload);
  const kube::Owner owner{d.target, d.number};
  // Its own, not what somebody made with its labels.
  const kube::Controller* controller =
      d.object_name.empty() ? nullptr : cluster_.controller(workload, d.target.environment, d.object_name);
  const auto pods = cluster_.pods(owner, controller ? controller->meta.uid.view() : std::string_view());
  deploy::Sight s = sight_of(controller, judge(pods, controller, crash_loops(d)));
  s.autoscaled = cluster_.autoscaler(owner) != nullptr;
  if (auto trouble = cluster_.trouble(d.target.environment, workload))
    s.blind = *trouble;
  else if (!cluster_.synced(d.target.environment, workload))
    s.blind = Error{ErrorCode::unavailable, cluster_.name(), "its picture is being read"};
  return s;
}

Task<Result<deploy::Sight>> Place::look_again(Deploy d) {
  auto there = co_await client()->get(controller_ref(d));
  if (!there) co_return of_place(there.error());
  kube::Controller found;
  if (*there) found = kube::parse_controller(**there);
  const kube::Controller* controller = *there ? &found : nullptr;
  auto pods = co_await cluster_.list_pods({d.target, d.number}, found.meta.uid.str());
  if (!pods) co_return of_place(pods.error());
  std::vector<const kube::Pod*> all;
  for (const kube::Pod& p : *pods) all.push_back(&p);
  deploy::Sight s = sight_of(controller, judge(all, controller, crash_loops(d)));
  s.autoscaled = cluster_.autoscaler({d.target, d.number}) != nullptr;
  co_return s;
}

int serving_wants(const kube::Cluster& cluster, const Deploy* serving) {
  if (!serving) return 0;
  const kube::Owner owner{serving->target, serving->number};
  const kube::Autoscaler* hpa = cluster.autoscaler(owner);
  const kube::Controller* controller = cluster.controller(owner);
  return std::max({hpa ? hpa->desired : 0, controller ? controller->wanted : 0,
                   judge(pods_of(cluster, owner), controller).ready});
}

int Place::restored_to(const Deploy& d, const std::optional<Deploy>& serving) const {
  const kube::Autoscaler* hpa = cluster_.autoscaler({d.target, d.number});
  const int live = serving_wants(cluster_, serving ? &*serving : nullptr);
  const int to =
      hpa ? deploy::starting_replicas(d.replicas, hpa->min, hpa->max, live) : std::max(d.replicas, live);
  return std::max(1, to);
}

Task<Result<Left>> Place::scale(Deploy d, int to) {
  if (auto may = may_act(); !may) co_return fail(may.error());
  auto done = co_await client()->scale(controller_ref(d), to);
  if (done) co_return Left::there;
  if (done.error().code == ErrorCode::not_found) co_return Left::gone;
  co_return of_place(done.error());
}

Task<Result<Left>> Place::ask(Deploy d) {
  auto controller = co_await client()->get(controller_ref(d));
  if (!controller) co_return of_place(controller.error());
  co_return controller->has_value() ? Left::there : Left::gone;
}

// The garbage collector takes the copy with its last controller; one that none ever owned must be taken by
// hand.
Task<Result<>> Place::remove_config_map(Deploy d, std::string controller_uid) {
  if (d.config_map.empty()) co_return Result<>{};
  kube::Ref ref{"/api/v1", "configmaps", d.target.environment, d.config_map};
  auto copy = co_await client()->get(ref);
  if (!copy) co_return of_place(copy.error());
  if (!*copy || !kube::other_owners(**copy, controller_uid).empty()) co_return Result<>{};
  if (auto may = may_act(); !may) co_return may;
  auto gone = co_await client()->remove(ref);
  if (!gone) co_return of_place(gone.error());
  co_return Result<>{};
}

// The garbage collector takes pods when their controller is gone, which somebody's finalizer may put off for
// ever; and a controller that is being deleted scales no more.
Task<Result<>> Place::let_pods_go(Deploy d, kube::Controller controller) {
  if (controller.wanted > 0 && !controller.meta.deleting) {
    auto scaled = co_await scale(d, 0);
    if (!scaled) co_return fail(scaled.error());
    deploy::crash_point();
  }
  for (int look = 0; look < kLooks && controller.replicas > 0 && !controller.meta.deleting; ++look) {
    co_await sleep_for(kBetweenLooks);
    auto now = co_await client()->get(controller_ref(d));
    if (!now) co_return of_place(now.error());
    if (!*now) break;
    controller = kube::parse_controller(**now);
  }
  co_return Result<>{};
}

static std::string finalizers_of(const json::object& object) {
  const json::value* meta = find(object, "metadata");
  const json::value* list = meta ? find(*meta, {"finalizers"}) : nullptr;
  return list ? json::serialize(*list) : "[]";
}

Task<Result<>> Place::remove(Deploy d) {
  auto controller = co_await client()->get(controller_ref(d));
  if (!controller) co_return of_place(controller.error());
  const std::string uid = *controller ? kube::parse_meta(**controller).uid : "";
  if (auto may = may_act(); !may) co_return may;
  auto hpa = co_await client()->remove(autoscaler_ref(d));
  if (!hpa) co_return of_place(hpa.error());
  deploy::crash_point();
  if (*controller) {
    auto emptied = co_await let_pods_go(d, kube::parse_controller(**controller));
    if (!emptied) co_return emptied;
  }
  auto copy = co_await remove_config_map(d, uid);
  if (!copy) co_return copy;
  if (auto may = may_act(); !may) co_return may;
  auto gone = co_await client()->remove(controller_ref(d));
  if (!gone) co_return of_place(gone.error());
  auto left = co_await client()->get(controller_ref(d));
  if (!left) co_return of_place(left.error());
  if (*left)
    co_return of_place(
        {ErrorCode::unavailable, d.object_name,
         "its controller is being deleted and does not go: its finalizers are " + finalizers_of(**left),
         "whoever put them there must take them away"});
  co_return co_await remove_uncontrolled(std::move(d));
}

// As it is now: somebody may have adopted it meanwhile.
static Task<Result<>> remove_if_nobodys(kube::Client* client, kube::Ref ref) {
  auto pod = co_await client->get(ref);
  if (!pod) co_return fail(pod.error());
  if (!*pod) co_return Result<>{};
  const kube::Meta m = kube::parse_meta(**pod);
  if (m.deleting || !m.controller.empty()) co_return Result<>{};
  const json::value* version =
      find(**pod, "metadata") ? find(*find(**pod, "metadata"), {"resourceVersion"}) : nullptr;
  co_return co_await client->remove_as_seen(
      std::move(ref), m.uid.str(), version && version->is_string() ? std::string(version->get_string()) : "");
}

// Pods whose controller was taken from them are nobody's, and so is a ReplicaSet whose Deployment was: the
// garbage collector leaves them.
Task<Result<>> Place::remove_uncontrolled(Deploy d) {
  Result<std::vector<kube::Meta>> sets;
  if (workload_of(d) == Workload::deployment) sets = co_await cluster_.list_sets({d.target, d.number}, "");
  if (!sets) co_return of_place(sets.error());
  for (const kube::Meta& set : *sets) {
    if (auto may = may_act(); !may) co_return may;
    auto gone = co_await remove_if_nobodys(
        client(), {"/apis/apps/v1", "replicasets", d.target.environment, set.name.str()});
    if (!gone && gone.error().code == ErrorCode::forbidden)
      gone.error().hint = "kubectl delete replicaset " + set.name.str() + ", or give Lemmy the right";
    if (!gone) co_return of_place(gone.error());
  }
  auto pods = co_await cluster_.list_pods({d.target, d.number}, "");
  if (!pods) co_return of_place(pods.error());
  std::erase_if(*pods, [](const kube::Pod& p) { return p.meta.deleting || !p.meta.controller.empty(); });
  for (size_t i = 0; i < pods->size();) {
    if (auto may = may_act(); !may) co_return may;
    std::vector<Task<Result<>>> some;
    const size_t from = i, upto = std::min(pods->size(), i + kDeletedTogether);
    for (; i < upto; ++i)
      some.push_back(
          remove_if_nobodys(client(), {"/api/v1", "pods", d.target.environment, (*pods)[i].meta.name.str()}));
    auto done = co_await all(std::move(some));
    for (size_t n = 0; n < done.size(); ++n) {
      if (done[n]) continue;
      Error e = done[n].error();
      if (e.code == ErrorCode::forbidden)
        e.hint = "kubectl delete pod " + (*pods)[from + n].meta.name.str() + ", or give Lemmy the right";
      co_return of_place(std::move(e));
    }
  }
  co_return Result<>{};
}

Task<Result<std::string>> Place::log(Deploy d) const {
  co_return fail(ErrorCode::invalid, d.target.str(), "a deploy to pods has no log of its own",
                 "ask for a pod's");
}

Task<Result<std::string>> Place::try_out_log(Target t) const {
  co_return fail(ErrorCode::not_found, t.str(), "a dry run on pods has no log");
}

}  // namespace lemmy::pods
