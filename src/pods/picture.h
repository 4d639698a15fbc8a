#pragma once
// What the cluster shows of a deploy, as JSON for pages, API, CLI and the record of a failure. Pure.
#include "kube/cluster.h"

namespace lemmy::pods {

std::string age(Time since);  // "3 min 5 s"
// As "pods" of live/board.h.
json::object pod_json(const kube::Pod& pod);
// `message` without what tells the pods of one controller apart: their names' ends and their uids.
std::string without_names(std::string message, const std::string& object_name);
// Of the deploy's RC, autoscaler and pods: newest first, those that say the same together.
json::array events_json(const kube::Cluster& cluster, const Deploy& deploy);

// Pods that are not ready for the same cause: what goes for one goes for all.
struct Role {
  Cause cause;  // without log and events
  bool fatal = false;
  int pods = 0;
  const kube::Pod* sample = nullptr;
};
// The fatal ones first, then by how many pods. Pods that are ready or being deleted have none. `first`: the
// name of the pod that is the sample of its role; else the first by name.
std::vector<Role> roles(const std::vector<const kube::Pod*>& pods, const std::string& first);

}  // namespace lemmy::pods
