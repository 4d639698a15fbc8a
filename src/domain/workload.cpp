#include "domain/workload.h"

#include <algorithm>

namespace lemmy {

constexpr WorkloadTraits kAll[kWorkloads] = {
    {Workload::replication_controller, "replication-controller", "ReplicationController", "/api/v1",
     "replicationcontrollers", true, false},
    {Workload::deployment, "deployment", "Deployment", "/apis/apps/v1", "deployments", false, true},
};

std::span<const WorkloadTraits> workloads() { return kAll; }

const WorkloadTraits& traits(Workload workload) { return kAll[static_cast<size_t>(workload)]; }

static std::optional<Workload> found(std::string_view WorkloadTraits::* by, std::string_view is) {
  const auto* at = std::ranges::find(kAll, is, by);
  return at == std::end(kAll) ? std::nullopt : std::optional(at->workload);
}

std::optional<Workload> workload_named(std::string_view name) { return found(&WorkloadTraits::name, name); }
std::optional<Workload> workload_of_kind(std::string_view kind) { return found(&WorkloadTraits::kind, kind); }

}  // namespace lemmy
