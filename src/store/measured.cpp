#include "store/measured.h"

#include "base/metrics.h"

namespace lemmy::store {
namespace {

// Observes at its end, also when the caller's coroutine is cancelled in between.
struct Timer {
  const char* op;
  std::string outcome = "cut";
  Clock::time_point began = Clock::now();
  ~Timer() {
    const std::chrono::duration<double> took = Clock::now() - began;
    metrics::observe("lemmy_store_operation_seconds", "How long calls of the store took, by outcome",
                     {{"op", op}, {"outcome", outcome}}, took.count(), metrics::Buckets::calls);
  }
};

template <class T>
Task<Result<T>> timed(const char* op, Task<Result<T>> call) {
  Timer timer{op};
  auto result = co_await std::move(call);
  timer.outcome = result ? "ok" : std::string(name(result.error().code));
  co_return result;
}

}  // namespace

Task<Result<Accepted>> Measured::accept(Delivery delivery, std::optional<Build> build) {
  return timed("accept", Forwarding::accept(std::move(delivery), std::move(build)));
}
Task<Result<Listing<Build>>> Measured::builds(std::string project, Page page) {
  return timed("builds", Forwarding::builds(std::move(project), std::move(page)));
}
Task<Result<Build>> Measured::build(std::string project, std::string sha) {
  return timed("build", Forwarding::build(std::move(project), std::move(sha)));
}
Task<Result<std::vector<std::string>>> Measured::projects_with_builds() {
  return timed("projects_with_builds", Forwarding::projects_with_builds());
}
Task<Result<Listing<Delivery>>> Measured::deliveries(Page page) {
  return timed("deliveries", Forwarding::deliveries(std::move(page)));
}
Task<Result<Deploy>> Measured::create_deploy(Deploy deploy, DeployEvent first) {
  return timed("create_deploy", Forwarding::create_deploy(std::move(deploy), std::move(first)));
}
Task<Result<Deploy>> Measured::update_deploy(Deploy deploy, std::vector<DeployEvent> events, Fence fence) {
  return timed("update_deploy",
               Forwarding::update_deploy(std::move(deploy), std::move(events), std::move(fence)));
}
Task<Result<Deploy>> Measured::deploy(Target target, int64_t number) {
  return timed("deploy", Forwarding::deploy(std::move(target), number));
}
Task<Result<Listing<Deploy>>> Measured::deploys(Target target, Page page) {
  return timed("deploys", Forwarding::deploys(std::move(target), std::move(page)));
}
Task<Result<std::vector<Deploy>>> Measured::unsettled_deploys() {
  return timed("unsettled_deploys", Forwarding::unsettled_deploys());
}
Task<Result<std::vector<Deploy>>> Measured::latest_deploys() {
  return timed("latest_deploys", Forwarding::latest_deploys());
}
Task<Result<std::vector<DeployEvent>>> Measured::deploy_events(Target target, int64_t number,
                                                               int64_t after_seq, int limit) {
  return timed("deploy_events", Forwarding::deploy_events(std::move(target), number, after_seq, limit));
}
Task<Result<>> Measured::put_document(Target target, int64_t number, std::string name, std::string text) {
  return timed("put_document",
               Forwarding::put_document(std::move(target), number, std::move(name), std::move(text)));
}
Task<Result<std::string>> Measured::document(Target target, int64_t number, std::string name) {
  return timed("document", Forwarding::document(std::move(target), number, std::move(name)));
}
Task<Result<Accepted>> Measured::accept_instance(Delivery delivery, std::optional<InstanceCall> call) {
  return timed("accept_instance", Forwarding::accept_instance(std::move(delivery), std::move(call)));
}
Task<Result<>> Measured::record_instances(std::vector<Instance> instances, Fence fence) {
  return timed("record_instances", Forwarding::record_instances(std::move(instances), std::move(fence)));
}
Task<Result<Listing<Instance>>> Measured::instances(std::string project, std::string environment, Page page) {
  return timed("instances",
               Forwarding::instances(std::move(project), std::move(environment), std::move(page)));
}
Task<Result<Instance>> Measured::instance(Target target, std::string id) {
  return timed("instance", Forwarding::instance(std::move(target), std::move(id)));
}
Task<Result<std::vector<Instance>>> Measured::unsettled_instances() {
  return timed("unsettled_instances", Forwarding::unsettled_instances());
}
Task<Result<Lease>> Measured::lease(std::string name) {
  return timed("lease", Forwarding::lease(std::move(name)));
}
Task<Result<Lease>> Measured::swap_lease(Lease lease) {
  return timed("swap_lease", Forwarding::swap_lease(std::move(lease)));
}
Task<Result<>> Measured::forget_deploy(Target target, int64_t number, int64_t revision, Fence fence) {
  return timed("forget_deploy",
               Forwarding::forget_deploy(std::move(target), number, revision, std::move(fence)));
}
Task<Result<int>> Measured::forget_builds(std::string project, std::vector<std::string> shas, Fence fence) {
  return timed("forget_builds",
               Forwarding::forget_builds(std::move(project), std::move(shas), std::move(fence)));
}
Task<Result<int>> Measured::forget_deliveries(Time before, int limit, Fence fence) {
  return timed("forget_deliveries", Forwarding::forget_deliveries(before, limit, std::move(fence)));
}
Task<Result<std::vector<Size>>> Measured::sizes() { return timed("sizes", Forwarding::sizes()); }
Task<Result<Listing<Record>>> Measured::dump(RecordKind kind, Page page) {
  return timed("dump", Forwarding::dump(kind, std::move(page)));
}
Task<Result<>> Measured::load(std::vector<Record> records) {
  return timed("load", Forwarding::load(std::move(records)));
}
Task<Result<>> Measured::check() { return timed("check", Forwarding::check()); }

}  // namespace lemmy::store
