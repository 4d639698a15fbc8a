#pragma once
// The clusters of the configuration, connected. Loop thread only.
#include <atomic>
#include <map>
#include <memory>

#include "config/config.h"
#include "live/board.h"

namespace lemmy::app {

struct ClusterOptions {
  std::string
      kubeconfig;  // used when there is no clusters.yaml; empty: $KUBECONFIG, ~/.kube/config, in-cluster
  std::string context;
  std::optional<kube::ClusterAccess> fixed;  // the playground's, instead of all others
  std::string fixed_name = "default";
};

class Clusters {
 public:
  static constexpr const char* kDefault = "default";  // of who wrote no clusters.yaml
  // recognise: as kube::Recognise, by a cluster's name; not asked for ClusterOptions::fixed.
  using Recognise = std::function<Task<Result<std::string>>(std::string cluster, std::string uid)>;
  // `files` reads kubeconfigs, a thread for each that may hang; `pool` is for the rest.
  Clusters(asio::any_io_executor loop, Pool* files, Pool* pool, ClusterOptions options,
           std::function<void(const Target&)> changed, Recognise recognise = {});
  // Connects what is new, drops what has gone. A kubeconfig that cannot be read is remembered as the
  // cluster's error, and so is one that does not answer within 5 s. A cluster that is written otherwise now
  // is dropped once what is written can be used; until then that of before is.
  Task<> use(std::shared_ptr<const config::Config> config);
  // Reads every kubeconfig again: one that was written anew is used from now on, one that was broken and came
  // back too. One that cannot be read any more changes nothing, and is told as the cluster's error.
  Task<> look();
  Task<> stop();

  // As environments.yaml and deploys name it; empty: the only one. nullptr: none.
  kube::Cluster* named(const std::string& name) const;
  // The configuration has it, whether it can be used or not.
  bool is_configured(const std::string& name) const;
  // Why it cannot be used; empty: it can, or there is no such cluster.
  std::string error(const std::string& name) const;
  std::vector<live::ClusterState> states() const;
  config::Problems problems() const;  // of kubeconfigs that are used all the same

 private:
  struct Entry {
    std::string written;  // the definition it was made from
    config::Cluster definition;
    std::optional<config::Cluster> next = {};  // what is written now and cannot be used
    std::shared_ptr<kube::Client> client;
    std::unique_ptr<kube::Cluster> cluster;
    std::string error;
    std::vector<std::string> unknown;  // keys of its kubeconfig that nobody knows
  };
  // Nobody named a cluster and nothing is for pods: that there is none is no trouble.
  bool hosts_only_ = false;
  void note_unknown(const std::string& name, Entry& entry, const kube::ClusterAccess& access);
  Task<> connect(std::string name, config::Cluster definition);
  // With access that was just read, and a client made of it.
  void begin(const std::string& name, Entry& made, std::shared_ptr<kube::Client> client,
             const kube::ClusterAccess& access);
  Task<> replace(std::string name, config::Cluster definition);
  std::map<std::string, config::Cluster> wanted() const;  // by the configuration in use
  Task<> stop_dropped(Entry gone);
  Task<Result<kube::ClusterAccess>> read(std::string name, config::Cluster definition);
  asio::any_io_executor loop_;
  Pool *files_, *pool_;
  ClusterOptions options_;
  std::shared_ptr<const config::Config> used_;
  std::function<void(const Target&)> changed_;
  Recognise recognise_;
  std::map<std::string, Entry> entries_;
  // By what is written of it: whether a thread still reads the kubeconfig, on a disk that does not answer.
  std::map<std::string, std::shared_ptr<std::atomic<bool>>> reading_;
  // Somebody may be in the middle of a call on one: they stay until the end, without their picture.
  std::vector<Entry> dropped_;
};

}  // namespace lemmy::app
