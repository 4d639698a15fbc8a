#include "app/places.h"

#include <fmt/format.h>

namespace lemmy::app {

Places::Places(Clusters* clusters, pods::Surroundings of_pods, hosts::Surroundings of_hosts)
    : clusters_(clusters),
      of_pods_(std::move(of_pods)),
      has_hosts_(of_hosts.runs != nullptr),
      hosts_(std::move(of_hosts)) {}

Result<deploy::Place*> Places::of(const Deploy& d) {
  if (d.deployer == Deployer::ansible) {
    if (has_hosts_) return &hosts_;
    return fail(ErrorCode::unavailable, d.target.str(), "Ansible is not installed here",
                "install ansible-core and ansible-runner, or start with --ansible FOLDER of their bin");
  }
  kube::Cluster* cluster = clusters_->named(d.cluster);
  if (cluster) {
    auto& place = pods_[cluster];
    if (!place) place = std::make_unique<pods::Place>(cluster, of_pods_);
    return place.get();
  }
  if (d.cluster.empty())
    return fail(ErrorCode::unavailable, d.target.environment, "no cluster is configured for this environment",
                "name one in clusters.yaml and environments.yaml, or start with --kubeconfig");
  if (clusters_->is_configured(d.cluster)) {
    const std::string error = clusters_->error(d.cluster);
    return fail(ErrorCode::unavailable, d.target.environment,
                fmt::format("cluster {} cannot be used{}", d.cluster,
                            error.empty() ? ": its kubeconfig is being read" : ": " + error));
  }
  if (d.presence == Presence::none)
    return fail(ErrorCode::unavailable, d.target.environment,
                fmt::format("there is no cluster {} in clusters.yaml any more", d.cluster),
                "name it again, or cancel and deploy anew");
  return fail(ErrorCode::unavailable, d.target.environment,
              fmt::format("cluster {}, where #{} is, is not in clusters.yaml", d.cluster, d.number),
              "name it again until what runs there is deleted");
}

}  // namespace lemmy::app
