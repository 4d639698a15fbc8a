// What is wrong with the configuration, for pages, API and metrics.
#include <fmt/format.h>

#include "app/app.h"

namespace lemmy::app {

constexpr seconds kStrandedAge{2};

config::Problems App::problems() const {
  config::Problems all = watcher_.problems();
  all.insert(all.end(), key_problems_.begin(), key_problems_.end());
  const config::Problems of_clusters = clusters_->problems();
  all.insert(all.end(), of_clusters.begin(), of_clusters.end());
  const config::Problems& stranded = stranded_deploys();
  all.insert(all.end(), stranded.begin(), stranded.end());
  return all;
}

const config::Problems& App::stranded_deploys() const {
  if (Clock::now() < stranded_until_ || !conductor_) return stranded_;
  stranded_until_ = Clock::now() + kStrandedAge;
  stranded_.clear();
  std::map<std::string, std::pair<std::string, int>> by_cluster;  // one of the targets, and how many deploys
  for (const auto& [target, of] : conductor_->in_use())
    for (const auto& [cluster, deploys] : of.clusters) {
      if (clusters_->is_configured(cluster)) continue;
      auto [at, fresh] = by_cluster.try_emplace(cluster, target.str(), 0);
      at->second.second += deploys;
    }
  for (const auto& [cluster, of] : by_cluster)
    stranded_.push_back(
        {ErrorCode::invalid, "clusters.yaml",
         fmt::format(
             "cluster {} is not named any more, and {} there{}", cluster.empty() ? "''" : cluster,
             of.second == 1 ? "a deploy of " + of.first + " is" : fmt::format("{} deploys are", of.second),
             of.second == 1 ? "" : ", some of " + of.first),
         "name it again until what runs there is deleted: meanwhile it is not seen, zeroed or deleted"});
  return stranded_;
}

}  // namespace lemmy::app
