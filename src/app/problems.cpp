// What is wrong with the configuration, for pages, API and metrics.
#include <fmt/format.h>

#include "app/app.h"

namespace lemmy::app {

constexpr seconds kStrandedAge{2};

config::Problems App::problems() const {
  config::Problems all = watcher_.problems();
  const config::Problems faults = watcher_.faults();
  all.insert(all.end(), faults.begin(), faults.end());
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

// Deploys that were made without a clusters.yaml name no cluster: whichever is the only one counts for them,
// so it must be the one they were made on.
Task<Result<std::string>> App::recognise(std::string name, std::string uid) {
  auto known = co_await known_clusters_->known(name);
  if (!known || !known->empty()) co_return known;
  while (!deploys_known_) co_await sleep_for(milliseconds{20});
  bool nameless = false;
  for (const auto& [target, of] : conductor_->in_use()) nameless = nameless || of.clusters.contains("");
  if (nameless && clusters_->is_configured("")) {
    known = co_await known_clusters_->known(Clusters::kDefault);
    if (!known || (!known->empty() && *known != uid)) co_return known;
  }
  co_return co_await known_clusters_->recognise(std::move(name), std::move(uid));
}

Task<Result<>> App::accept_cluster(std::string name, std::string uid, std::string who) {
  kube::Cluster* cluster = clusters_->is_configured(name) ? clusters_->named(name) : nullptr;
  if (!cluster)
    co_return fail(ErrorCode::not_found, "cluster", "there is no cluster " + name + " that can be reached");
  const std::string& seen = cluster->stranger_uid();
  if (seen != uid)
    co_return fail(ErrorCode::conflict, name,
                   seen.empty() ? "no other cluster answers in its place than the one that is known"
                                : "another cluster answers: its uid is " + seen,
                   "see lemmy status, or /readyz");
  auto accepted = co_await known_clusters_->accept(name, std::move(uid), std::move(who));
  if (!accepted) co_return accepted;
  if (cluster = clusters_->named(name); cluster) cluster->look_at_identity();
  co_return Result<>{};
}

}  // namespace lemmy::app
