#pragma once
// The live picture of one cluster: one watch each for pods, replication controllers, autoscalers and events,
// of what Lemmy manages. Loop thread only.
#include <map>
#include <set>

#include "kube/client.h"
#include "kube/objects.h"
#include "kube/watch.h"

namespace lemmy::kube {

class Cluster {
 public:
  // changed(target): something of the target is different; also called for every target when reachability
  // changes.
  Cluster(std::string name, asio::any_io_executor loop, std::shared_ptr<Client> client,
          std::function<void(const Target&)> changed);
  ~Cluster();
  void start();
  Task<> stop();
  void forget();  // after stop(): the picture, and with it the memory, is given up; calls still work

  const std::string& name() const { return name_; }
  Client& client() { return *client_; }
  bool synced() const;                   // all lists were seen: absence now means absence
  std::optional<Error> trouble() const;  // why the picture may be old; nullopt: it is live

  bool is_live() const { return synced() && !trouble(); }  // absence in the picture is absence in the cluster

  std::vector<const Pod*> pods(const Owner& owner) const;  // by name
  int ready_pods(const Owner& owner) const;                // that are not being deleted
  std::vector<EventGroup> events_about(const std::string& object_name, const std::string& ns) const;
  const ReplicationController* rc(const Owner& owner) const;
  const Autoscaler* autoscaler(const Owner& owner) const;
  std::set<Target> targets() const;
  size_t pod_count() const { return pods_.objects.size(); }
  uint64_t relists() const;

 private:
  template <class T>
  struct Kind {
    std::map<std::pair<std::string, std::string>, T> objects;  // by namespace and name
    std::map<Owner, std::set<std::string>> names_of;           // not of events
    std::set<std::pair<std::string, std::string>> seen;        // during a list
    std::unique_ptr<WatchProtocol> protocol;
    std::optional<Error> trouble;
    bool listing = false;
    void clear() {
      objects.clear();
      names_of.clear();
    }
    void disown(const Meta& meta) {
      auto of = names_of.find(meta.owner);
      if (of != names_of.end() && of->second.erase(meta.name) && of->second.empty()) names_of.erase(of);
    }
  };
  template <class T>
  void watch(Kind<T>& kind, const std::string& label, const std::string& path, const std::string& query,
             std::function<T(const json::object&)> parse);
  Task<> probe();
  Task<> follow(WatchProtocol* protocol, std::optional<Error>* trouble, std::string label);
  void set_trouble(std::optional<Error>* slot, std::optional<Error> error);
  void trim_events();
  template <class T>
  void changed_about(const T& object);

  std::string name_;
  std::shared_ptr<Client> client_;
  std::function<void(const Target&)> changed_;
  Group group_;
  std::optional<Error> silent_;  // it does not answer, whatever the watches say
  Kind<Pod> pods_;
  Kind<ReplicationController> rcs_;
  Kind<Autoscaler> autoscalers_;
  Kind<Event> events_;
};

}  // namespace lemmy::kube
