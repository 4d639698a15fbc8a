#pragma once
// A running Lemmy: configuration, store, clusters, deploys, and the server. Loop thread only.
#include <functional>
#include <memory>
#include <set>

#include "app/bulkheads.h"
#include "app/clusters.h"
#include "app/ended_sessions.h"
#include "app/known_clusters.h"
#include "app/places.h"
#include "config/watcher.h"
#include "hooks/hooks.h"
#include "lead/leader.h"
#include "net/server.h"
#include "route/router.h"

namespace lemmy::app {

struct Options {
  std::string config_dir = "config";
  std::string data_dir = "data";  // the session key, and the store unless told otherwise
  std::string store;              // as open_store takes it; empty: sqlite in data_dir
  std::string archive;            // a folder; empty: PATH.archive of sqlite:PATH, else none
  std::string host = "127.0.0.1";
  uint16_t port = 8484;  // 0: a free one
  ClusterOptions clusters;
  bool simulated = false;
  std::string ansible;  // the folder of ansible-runner; empty: $PATH
};

class App {
 public:
  App(asio::io_context& loop, Options options);
  ~App();
  // Everything up to listening. The errors of a configuration come all at once, as Problems.
  Task<std::expected<uint16_t, config::Problems>> start();
  // Stops taking requests, lets what is being written end, within kStop. Deploys go on at the next start.
  Task<> stop();
  static constexpr milliseconds kStop{7'000};
  // After stop(): nothing of it runs on a thread any more. False: something hangs, and this must not be
  // destroyed.
  bool idle() { return bulkheads_.stop(milliseconds{500}); }

 private:
  Task<> reload();
  // keys.cpp
  struct KeysRead;
  Task<> read_keys();  // within seconds, also when a file hangs
  Task<> read_key_files(std::shared_ptr<KeysRead> read);
  void keep_keys();
  void tell_key_problems();
  config::Problems problems() const;  // of newer files, of keys, and of deploys on clusters that are gone
  const config::Problems& stranded_deploys() const;
  Task<Result<std::string>> recognise(std::string cluster, std::string uid);
  Task<Result<>> accept_cluster(std::string name, std::string uid, std::string who);
  void tell_of_config() const;
  Task<> follow_config();
  Task<> follow_kubeconfigs();
  // What /metrics tells of this process over time: vitals.cpp.
  Task<> watch_loop();
  Task<> watch_disk();
  Task<> find_ansible();
  Task<> say_version(ansible::Tools tools);
  Task<> watch_store();
  Task<> follow_ended_sessions();
  // Several servers on one store: together.cpp.
  Task<Result<>> begin_to_lead();
  void changed_elsewhere(const store::Change& change);
  Task<> follow_store();
  Task<Result<>> lead(store::Fence fence);
  Task<> stop_leading();
  Task<Result<>> stop_workers();
  // checks.cpp
  Result<> check_binding() const;
  static Result<> check_archive(const std::string& dir);  // blocks
  std::shared_ptr<const config::Config> config() const { return watcher_.current(); }

  asio::io_context& loop_;
  Options options_;
  config::Watcher watcher_;
  Bulkheads bulkheads_;  // joined before what their work reads goes away
  std::shared_ptr<const access::HookKeys> keys_;
  std::shared_ptr<const access::InstanceKeys> instance_keys_;
  mutable config::Problems stranded_;  // as of some seconds ago
  mutable Clock::time_point stranded_until_{};
  config::Problems key_problems_;                  // of what access.yaml names
  std::shared_ptr<KeysRead> keys_read_;            // that has not ended
  std::shared_ptr<const config::Config> keys_of_;  // that the instance_keys_ were read for
  std::unique_ptr<store::Store> store_;
  std::optional<live::StoreTrouble> store_trouble_;
  std::unique_ptr<EndedSessions> ended_sessions_;
  std::unique_ptr<KnownClusters> known_clusters_;
  bool deploys_known_ = false;  // the conductor has read them
  std::unique_ptr<live::Feed> feed_;
  std::unique_ptr<Clusters> clusters_;
  std::unique_ptr<ansible::Runs> runs_;  // none: Ansible is not installed
  std::unique_ptr<Places> places_;
  std::unique_ptr<deploy::Conductor> conductor_;
  std::unique_ptr<hosts::Instances> instances_;
  std::unique_ptr<retention::Retention> retention_;
  std::unique_ptr<lead::Leader> leader_;                   // none: only this server can use the store
  std::set<std::pair<std::string, std::string>> changes_;  // that other servers told of
  std::unique_ptr<Signal> news_;
  std::unique_ptr<live::Drifts> drifts_;
  std::unique_ptr<live::Board> board_;
  std::unique_ptr<route::Router> router_;
  std::unique_ptr<net::Server> server_;
  Group group_;
};

}  // namespace lemmy::app
