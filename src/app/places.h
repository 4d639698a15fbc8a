#pragma once
// The places of the configuration: the clusters that are connected, and hosts. Loop thread only.
#include "app/clusters.h"
#include "hosts/place.h"
#include "pods/place.h"

namespace lemmy::app {

class Places {
 public:
  Places(Clusters* clusters, pods::Surroundings of_pods, hosts::Surroundings of_hosts);
  // By the cluster that the deploy went to, whatever its environment names now. unavailable: it is not in the
  // configuration any more, or Ansible is not installed.
  Result<deploy::Place*> of(const Deploy& deploy);

 private:
  Clusters* clusters_;
  pods::Surroundings of_pods_;
  std::map<kube::Cluster*, std::unique_ptr<pods::Place>>
      pods_;  // clusters stay, also those that were dropped
  const bool has_hosts_;
  hosts::Place hosts_;
};

}  // namespace lemmy::app
