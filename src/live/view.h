#pragma once
// Inside room live: parts of the board that need no store. Pure.
#include "live/board.h"

namespace lemmy::live {

std::string age(Time since);
json::object store_json(const std::optional<StoreTrouble>& trouble);
json::value error_json(const std::optional<Error>& e);
json::array links_json(const config::Project* project);  // nullptr: none
json::object pod_json(const kube::Pod& pod);
json::value autoscaler_json(const kube::Autoscaler* hpa);
// `message` without what tells the pods of one controller apart: their names' ends and their uids.
std::string without_names(std::string message, const std::string& object_name);
// Of the deploy's RC, autoscaler and pods: newest first, those that say the same together.
json::array events_json(const kube::Cluster& cluster, const Deploy& deploy);
// For people: "converged on web-1", "not in the inventory yet; next try in 20 s".
std::string instance_text(const Instance& instance, Time now);
std::string release_url(const std::string& project, const std::string& id);
std::string deploy_url(const Target& target, int64_t number);

}  // namespace lemmy::live
