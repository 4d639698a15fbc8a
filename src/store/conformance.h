#pragma once
// What every store backend promises, as tests. A backend instantiates the suite with a factory:
//   INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformance, testing::Values(BackendFactory{...}));
#include <gtest/gtest.h>

#include "base/crypto.h"
#include "store/store.h"

namespace lemmy::store {

struct BackendFactory {
  std::string name;
  // A fresh, empty store. Called once a test.
  std::function<std::unique_ptr<Store>(asio::any_io_executor)> make;
};
inline void PrintTo(const BackendFactory& f, std::ostream* out) { *out << f.name; }

class StoreConformance : public testing::TestWithParam<BackendFactory> {
 protected:
  void SetUp() override { store = GetParam().make(loop.get_executor()); }

  template <class T>
  T run(Task<T> task) {
    return finish(asio::co_spawn(loop, std::move(task), asio::use_future));
  }
  // Not loop.run(): a store may have work of its own that never ends.
  template <class T>
  T finish(std::future<T> future) {
    loop.restart();
    while (future.wait_for(seconds(0)) != std::future_status::ready) loop.run_one();
    return future.get();
  }

  static Delivery delivery(const std::string& id, const std::string& verdict = "accepted") {
    return {0, "build", id, from_millis(1000), "10.0.0.1", "ci", "hello", "{}", verdict, ""};
  }
  static Build build(const std::string& sha, int64_t at, const std::string& project = "hello") {
    return {project, sha, "main", "", "", "", "", from_millis(at), from_millis(at)};
  }
  static lemmy::Deploy deploy(const std::string& environment = "staging") {
    lemmy::Deploy d;
    d.target = {"hello", environment};
    d.sha = "abcdef0";
    return d;
  }
  static DeployEvent event(const std::string& text) {
    DeployEvent e;
    e.kind = "phase";
    e.text = text;
    return e;
  }
  // All at once on the loop; the answers in order.
  template <class T>
  std::vector<T> run_all(std::vector<Task<T>> tasks) {
    std::vector<std::future<T>> futures;
    for (auto& t : tasks) futures.push_back(asio::co_spawn(loop, std::move(t), asio::use_future));
    std::vector<T> out;
    for (auto& f : futures) out.push_back(finish(std::move(f)));
    return out;
  }
  lemmy::Deploy created(const std::string& environment = "staging") {
    auto d = run(store->create_deploy(deploy(environment), event("created")));
    if (!d) throw std::runtime_error(d.error().str());
    return *d;
  }
  void push(const std::string& sha, int64_t at, const std::string& project = "hello") {
    ASSERT_TRUE(run(store->accept(delivery(project + sha + std::to_string(at)), build(sha, at, project))));
  }
  static Delivery instance_delivery(const std::string& id, const std::string& verdict = "accepted") {
    Delivery d = delivery(id, verdict);
    d.hook = "instance";
    return d;
  }
  static InstanceCall call(const std::string& id, int64_t at, Target target = {"hello", "staging"}) {
    return {std::move(target), id, "10.0.0.7", "token hello", from_millis(at)};
  }
  void ask(const std::string& id, int64_t at, Target target = {"hello", "staging"}) {
    auto a = run(store->accept_instance(instance_delivery(random_hex(8)), call(id, at, std::move(target))));
    ASSERT_TRUE(a) << a.error().str();
  }
  Instance instance_of(const std::string& id) {
    auto i = run(store->instance({"hello", "staging"}, id));
    if (!i) throw std::runtime_error(i.error().str());
    return *i;
  }
  std::vector<std::string> unsettled_ids() {
    auto all = run(store->unsettled_instances());
    if (!all) throw std::runtime_error(all.error().str());
    std::vector<std::string> ids;
    for (const Instance& i : *all) ids.push_back(i.target.str() + "/" + i.id);
    return ids;
  }

  asio::io_context loop;
  std::unique_ptr<Store> store;
};

}  // namespace lemmy::store
