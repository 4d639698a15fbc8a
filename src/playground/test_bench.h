#pragma once
// For the tests of this room: a simulated cluster, the real client and live picture on it, and manifests.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kube/cluster.h"
#include "playground/simulated_cluster.h"

namespace lemmy::playground {

using namespace std::chrono_literals;

inline ClusterOptions fast() {
  ClusterOptions o;
  o.pace = 0.05;
  o.wander = false;
  return o;
}

// Runs `body` to its end on the loop, at most three minutes; what it throws comes back here.
inline void run_to_end(asio::io_context& loop, std::function<Task<>()> body) {
  std::exception_ptr error;
  asio::co_spawn(loop, body(), [&](std::exception_ptr e) {
    error = e;
    if (e) loop.stop();
  });
  loop.run_for(180s);
  if (error) std::rethrow_exception(error);
  if (loop.stopped()) return;
  std::fputs("something still runs\n", stderr);
  std::_Exit(1);  // what still runs refers to what the test is about to take away
}

struct Bench {
  asio::io_context loop;
  Pool pool{1};
  std::shared_ptr<SimulatedCluster> sim;
  std::shared_ptr<kube::Client> client;
  std::unique_ptr<kube::Cluster> cluster;

  explicit Bench(ClusterOptions options = fast()) {
    sim = SimulatedCluster::create(loop.get_executor(), std::move(options));
    auto url = sim->start();
    EXPECT_TRUE(url) << url.error().str();
    kube::ClusterAccess access;
    access.server = *url;
    client = *kube::Client::create(loop.get_executor(), pool, access);
    cluster = std::make_unique<kube::Cluster>("sim", loop.get_executor(), client, [](const Target&) {});
  }
  void run(std::function<Task<>()> body) {
    run_to_end(loop, [&]() -> Task<> {
      co_await body();
      co_await cluster->stop();
      co_await sim->stop();
    });
  }
  // Waits until `what` is true; false after `limit`.
  static Task<bool> until(std::function<bool()> what, milliseconds limit = 10s) {
    auto deadline = Clock::now() + limit;
    while (!what()) {
      if (Clock::now() > deadline) co_return false;
      co_await sleep_for(5ms);
    }
    co_return true;
  }
};

inline json::object labels(int deploy) {
  return {{"project", "hello"},
          {"environment", "staging"},
          {"deploy", std::to_string(deploy)},
          {"app.kubernetes.io/managed-by", "lemmy"}};
}
inline kube::Owner owner(int deploy) { return {{"hello", "staging"}, deploy}; }
inline kube::Ref rc_ref(int deploy) {
  return {"/api/v1", "replicationcontrollers", "staging", fmt::format("hello-{}", deploy)};
}
inline json::object rc(int deploy, int replicas, json::object annotations = {}) {
  json::object selector{{"project", "hello"}, {"environment", "staging"}, {"deploy", std::to_string(deploy)}};
  json::object meta{{"labels", labels(deploy)}};
  meta["annotations"] = std::move(annotations);
  json::object container{{"name", "app"},
                         {"image", "registry.example.com/hello:1"},
                         {"env", json::array{json::object{{"name", "A"}, {"value", "1"}}}}};
  json::object spec{{"containers", json::array{std::move(container)}}};
  return {{"apiVersion", "v1"},
          {"kind", "ReplicationController"},
          {"metadata",
           {{"name", fmt::format("hello-{}", deploy)}, {"namespace", "staging"}, {"labels", labels(deploy)}}},
          {"spec",
           {{"replicas", replicas},
            {"selector", std::move(selector)},
            {"template", {{"metadata", std::move(meta)}, {"spec", std::move(spec)}}}}}};
}
inline json::object hpa(int deploy, int low, int high) {
  std::string name = fmt::format("hello-{}", deploy);
  json::object target{{"type", "Utilization"}, {"averageUtilization", 70}};
  json::object metric{{"type", "Resource"}, {"resource", {{"name", "cpu"}, {"target", std::move(target)}}}};
  json::object ref{{"apiVersion", "v1"}, {"kind", "ReplicationController"}, {"name", name}};
  return {{"apiVersion", "autoscaling/v2"},
          {"kind", "HorizontalPodAutoscaler"},
          {"metadata", {{"name", name}, {"namespace", "staging"}, {"labels", labels(deploy)}}},
          {"spec",
           {{"scaleTargetRef", std::move(ref)},
            {"minReplicas", low},
            {"maxReplicas", high},
            {"metrics", json::array{std::move(metric)}}}}};
}
inline json::object config_map(std::string name, json::array owners, bool immutable = true) {
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", {{"name", name}, {"namespace", "staging"}, {"ownerReferences", std::move(owners)}}},
          {"immutable", immutable},
          {"data", {{"a", "1"}}}};
}
inline json::object owner_of(const json::object& rc) {
  return {{"apiVersion", "v1"},
          {"kind", "ReplicationController"},
          {"name", rc.at("metadata").at("name")},
          {"uid", rc.at("metadata").at("uid")}};
}
inline int ready_pods(kube::Cluster& cluster, int deploy) {
  int n = 0;
  for (const kube::Pod* p : cluster.pods(owner(deploy))) n += p->ready;
  return n;
}

}  // namespace lemmy::playground
