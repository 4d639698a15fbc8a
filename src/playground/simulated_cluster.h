#pragma once
// A simulated Kubernetes cluster in this process: an API server on 127.0.0.1 (plain HTTP), the controllers
// that Lemmy relies on, and nodes that pretend to run pods. For the playground, fault injection and scale; it
// runs nothing and keeps nothing. docs/playground.md says what is faithful and what is not. Loop thread only.
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "async/task.h"
#include "playground/faults.h"

namespace lemmy::playground {

struct ClusterOptions {
  std::vector<std::string> namespaces{"staging", "production"};
  uint16_t port = 0;  // 0: a free one
  int nodes = 3;
  // All delays of controllers and nodes are multiplied by it: 1 for people, 0.05 for tests.
  double pace = 1.0;
  std::chrono::milliseconds ready_after{1500};        // from the pod's start, unless its annotation says so
  std::chrono::milliseconds autoscale_every{15'000};  // the autoscalers' period
  bool wander = true;       // the CPU that autoscalers see goes up and down; false: it stays at the target
  size_t history = 20'000;  // changes of each kind that a watch can go back
  size_t events = 20'000;   // Event objects kept
  // ResourceQuota by namespace: {"staging": {"pods": 20, "replicationcontrollers": 5}}
  std::map<std::string, std::map<std::string, int>> quota;
  uint64_t seed = 1;  // of names and loads
};

class SimulatedCluster {
 public:
  static std::shared_ptr<SimulatedCluster> create(asio::any_io_executor executor,
                                                  ClusterOptions options = {});
  ~SimulatedCluster();

  Result<std::string> start();     // the address: http://127.0.0.1:PORT
  std::string url() const;         // empty before start()
  std::string kubeconfig() const;  // the text of a kubeconfig that reaches it
  Task<> stop();
  Faults& faults();

  void set_quota(const std::string& ns, std::map<std::string, int> limits);
  // How many objects of a resource there are: "pods".
  size_t count(std::string_view resource) const;

 private:
  struct State;
  explicit SimulatedCluster(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

}  // namespace lemmy::playground
