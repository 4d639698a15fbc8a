#pragma once
// What every store backend promises, as tests. A backend instantiates the suite with a factory:
//   INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformance, testing::Values(BackendFactory{...}));
#include <gtest/gtest.h>

#include "base/crypto.h"
#include "store/sample_test.h"

namespace lemmy::store {

struct BackendFactory {
  std::string name;
  // A fresh, empty store. Called once a test.
  std::function<std::unique_ptr<Store>(asio::any_io_executor)> make;
};
inline void PrintTo(const BackendFactory& f, std::ostream* out) { *out << f.name; }

class StoreConformance : public testing::TestWithParam<BackendFactory>, protected Samples {
 protected:
  void SetUp() override { store = GetParam().make(loop.get_executor()); }

  static Delivery delivery(const std::string& id, const std::string& verdict = "accepted") {
    return {0, "build", id, from_millis(1000), "10.0.0.1", "ci", "hello", "{}", verdict, ""};
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

  std::unique_ptr<Store> store;
};

}  // namespace lemmy::store
