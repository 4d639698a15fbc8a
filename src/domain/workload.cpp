#include "domain/workload.h"

#include <algorithm>

namespace lemmy {

constexpr WorkloadTraits kWorkloads[] = {
    {Workload::replication_controller, "replication-controller", "ReplicationController", "/api/v1",
     "replicationcontrollers"},
};

std::span<const WorkloadTraits> workloads() { return kWorkloads; }

const WorkloadTraits& traits(Workload workload) { return kWorkloads[static_cast<size_t>(workload)]; }

static std::optional<Workload> found(std::string_view WorkloadTraits::* by, std::string_view is) {
  const auto* at = std::ranges::find(kWorkloads, is, by);
  return at == std::end(kWorkloads) ? std::nullopt : std::optional(at->workload);
}

std::optional<Workload> workload_named(std::string_view name) { return found(&WorkloadTraits::name, name); }
std::optional<Workload> workload_of_kind(std::string_view kind) { return found(&WorkloadTraits::kind, kind); }

}  // namespace lemmy
