#pragma once
// The kinds of controllers that make a deploy's pods.
// https://kubernetes.io/docs/concepts/workloads/controllers/
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace lemmy {

enum class Workload : uint8_t { replication_controller, deployment };
inline constexpr size_t kWorkloads = 2;

struct WorkloadTraits {
  Workload workload;
  std::string_view name;      // in the configuration, and as DeployPlace::kind: "replication-controller"
  std::string_view kind;      // as manifests have it: "ReplicationController"
  std::string_view api;       // "/api/v1"
  std::string_view resource;  // "replicationcontrollers"
  // Its template can be changed without new pods: what labels it gives to those to come.
  bool template_is_of_new_pods;
  bool has_match_labels;  // its selector: {"matchLabels": {...}}, or the labels themselves

  std::string_view api_version() const { return api.substr(api.find('/', 1) + 1); }  // "v1"
};

// Static; by the order of the enumeration.
std::span<const WorkloadTraits> workloads();
const WorkloadTraits& traits(Workload workload);
std::optional<Workload> workload_named(std::string_view name);
std::optional<Workload> workload_of_kind(std::string_view kind);

}  // namespace lemmy
