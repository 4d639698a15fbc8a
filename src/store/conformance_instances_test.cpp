// Conformance: instances that asked for their build, and leases.
#include "base/crypto.h"
#include "store/conformance.h"

namespace lemmy::store {
namespace {

TEST_P(StoreConformance, a_call_makes_an_instance_that_waits) {
  ask("i-1", 5);
  Instance i = instance_of("i-1");
  EXPECT_EQ(i.address, "10.0.0.7");
  EXPECT_EQ(i.identity, "token hello");
  EXPECT_EQ(i.asked, 1);
  EXPECT_EQ(i.first_asked_at, from_millis(5));
  EXPECT_EQ(i.result, InstanceResult{});
  EXPECT_TRUE(i.pending());
  EXPECT_EQ(run(store->deliveries({}))->items[0].hook, "instance");
}

TEST_P(StoreConformance, each_call_counts_and_one_of_the_same_delivery_does_not) {
  ASSERT_FALSE(run(store->accept_instance(instance_delivery("d"), call("i-1", 5)))->duplicate);
  auto again = run(store->accept_instance(instance_delivery("d"), call("i-1", 6)));
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(instance_of("i-1").asked, 1);
  ask("i-1", 7);
  EXPECT_EQ(instance_of("i-1").asked, 2);
  EXPECT_EQ(instance_of("i-1").first_asked_at, from_millis(5));
  EXPECT_EQ(instance_of("i-1").asked_at, from_millis(7));
}

TEST_P(StoreConformance, the_newest_launch_that_a_cloud_vouched_for_is_kept) {
  auto calls_with = [&](std::string id, std::optional<Time> launched_at) {
    InstanceCall c = call("i-1", 5);
    c.launched_at = launched_at;
    ASSERT_TRUE(run(store->accept_instance(instance_delivery(std::move(id)), c)));
  };
  calls_with("a", std::nullopt);
  EXPECT_EQ(instance_of("i-1").launched_at, std::nullopt);
  calls_with("b", from_millis(1'790'000'000'002));
  calls_with("c", from_millis(1'790'000'000'001));
  calls_with("d", std::nullopt);
  EXPECT_EQ(instance_of("i-1").launched_at, from_millis(1'790'000'000'002));
  Instance i = instance_of("i-1");
  i.result.state = InstanceState::converged;
  ASSERT_TRUE(run(store->record_instances({i}, {})));
  EXPECT_EQ(instance_of("i-1"), i);
}

TEST_P(StoreConformance, a_refused_call_is_in_the_ledger_and_makes_no_instance) {
  auto a = run(store->accept_instance(instance_delivery("d", "refused"), std::nullopt));
  ASSERT_TRUE(a);
  EXPECT_EQ(a->delivery.seq, run(store->deliveries({}))->items[0].seq);
  EXPECT_EQ(run(store->instance({"hello", "staging"}, "i-1")).error().code, ErrorCode::not_found);
  EXPECT_TRUE(run(store->instances("", "", {}))->items.empty());
}

TEST_P(StoreConformance, a_delivery_of_another_hook_may_have_the_same_id) {
  ASSERT_TRUE(run(store->accept(delivery("d"), std::nullopt)));
  EXPECT_FALSE(run(store->accept_instance(instance_delivery("d"), call("i-1", 5)))->duplicate);
}

TEST_P(StoreConformance, every_field_of_a_result_survives) {
  ask("i-1", 5);
  Instance i = instance_of("i-1");
  i.result = {InstanceState::failed,
              1,
              "web-1",
              "abcdef0",
              7,
              "instances.hello.staging.3",
              "grüße \"x\"",
              4,
              from_millis(1'790'000'000'001),
              from_millis(1'790'000'000'002)};
  ASSERT_TRUE(run(store->record_instances({i}, {})));
  EXPECT_EQ(instance_of("i-1"), i);
}

TEST_P(StoreConformance, a_call_and_a_result_never_overwrite_each_other) {
  ask("i-1", 5);
  Instance seen = instance_of("i-1");
  ask("i-1", 6);  // while the run is under way
  seen.result.state = InstanceState::converged;
  seen.result.answered = seen.asked;
  ASSERT_TRUE(run(store->record_instances({seen}, {})));
  EXPECT_EQ(instance_of("i-1").asked, 2);
  EXPECT_TRUE(instance_of("i-1").pending());
  ask("i-1", 7);
  EXPECT_EQ(instance_of("i-1").result, seen.result);
}

TEST_P(StoreConformance, calls_at_once_are_all_counted) {
  std::vector<Task<Result<Accepted>>> all;
  for (int n = 0; n < 20; ++n)
    all.push_back(store->accept_instance(instance_delivery(std::to_string(n)), call("i-1", n)));
  for (auto& a : run_all(std::move(all))) ASSERT_TRUE(a) << a.error().str();
  EXPECT_EQ(instance_of("i-1").asked, 20);
}

TEST_P(StoreConformance, a_result_of_an_instance_that_is_not_there_is_left_out) {
  ask("i-1", 5);
  Instance there = instance_of("i-1"), not_there = there;
  not_there.id = "i-2";
  there.result.state = InstanceState::converged;
  ASSERT_TRUE(run(store->record_instances({not_there, there}, {})));
  EXPECT_EQ(instance_of("i-1").result.state, InstanceState::converged);
  EXPECT_FALSE(run(store->instance({"hello", "staging"}, "i-2")));
}

TEST_P(StoreConformance, many_results_are_written_at_once) {
  std::vector<Task<Result<Accepted>>> all;
  for (int n = 0; n < 300; ++n)
    all.push_back(
        store->accept_instance(instance_delivery(std::to_string(n)), call("i-" + std::to_string(n), n)));
  for (auto& a : run_all(std::move(all))) ASSERT_TRUE(a) << a.error().str();
  auto list = run(store->unsettled_instances());
  ASSERT_EQ(list->size(), 300u);
  for (Instance& i : *list) {
    i.result.state = InstanceState::converged;
    i.result.answered = i.asked;
  }
  ASSERT_TRUE(run(store->record_instances(*list, {})));
  EXPECT_TRUE(unsettled_ids().empty());
}

TEST_P(StoreConformance, they_come_newest_first_and_pages_lose_none) {
  for (int n = 0; n < 25; ++n)
    ask(fmt::format("i/{:02}", n), n / 3, {n % 2 ? "hello" : "other", n % 3 ? "staging" : "production"});
  for (const auto& [project, environment, count] :
       {std::tuple{"", "", 25}, {"hello", "", 12}, {"hello", "staging", 8}, {"", "production", 9}}) {
    std::set<std::string> seen;
    int64_t last = INT64_MAX;
    Page page{4, ""};
    do {
      auto list = run(store->instances(project, environment, page));
      ASSERT_TRUE(list) << list.error().str();
      for (const Instance& i : list->items) {
        EXPECT_LE(to_millis(i.asked_at), last);
        last = to_millis(i.asked_at);
        EXPECT_TRUE(seen.insert(i.id).second) << i.id;
      }
      page.after = list->next;
    } while (!page.after.empty());
    EXPECT_EQ(seen.size(), static_cast<size_t>(count)) << project << "/" << environment;
  }
  EXPECT_EQ(run(store->instances("", "", {10, "nonsense"})).error().code, ErrorCode::invalid);
}

TEST_P(StoreConformance, unsettled_are_those_that_wait_run_or_are_to_be_tried_again) {
  for (const char* id : {"a", "b", "c", "d"}) ask(id, 5);
  auto settle = [&](const std::string& id, InstanceState state, std::optional<Time> next) {
    Instance i = instance_of(id);
    i.result.state = state;
    i.result.answered = i.asked;
    i.result.next_try = next;
    ASSERT_TRUE(run(store->record_instances({i}, {})));
  };
  settle("a", InstanceState::converged, std::nullopt);
  settle("b", InstanceState::running, std::nullopt);
  settle("c", InstanceState::failed, from_millis(99));
  EXPECT_EQ(unsettled_ids(),
            (std::vector<std::string>{"hello/staging/b", "hello/staging/c", "hello/staging/d"}));
  ask("a", 6);
  EXPECT_EQ(unsettled_ids().size(), 4u);
}

TEST_P(StoreConformance, a_lease_is_taken_by_one_of_many) {
  Lease none = *run(store->lease("conductor"));
  EXPECT_EQ(none, (Lease{"conductor", "", 0, 0}));
  std::vector<Task<Result<Lease>>> all;
  for (int n = 0; n < 8; ++n) all.push_back(store->swap_lease({"conductor", "s" + std::to_string(n), 1, 0}));
  int won = 0;
  for (auto& r : run_all(std::move(all))) {
    won += r.has_value();
    if (!r) EXPECT_EQ(r.error().code, ErrorCode::conflict) << r.error().str();
  }
  EXPECT_EQ(won, 1);
  Lease now = *run(store->lease("conductor"));
  EXPECT_EQ(now.token, 1);
  EXPECT_EQ(now.revision, 1);
  auto renewed = run(store->swap_lease(now));
  ASSERT_TRUE(renewed);
  EXPECT_EQ(renewed->revision, 2);
  EXPECT_EQ(run(store->swap_lease(now)).error().code, ErrorCode::conflict);
  EXPECT_EQ(*run(store->lease("conductor")), *renewed);
}

TEST_P(StoreConformance, who_lost_the_lease_writes_no_deploy_and_no_result) {
  auto first = run(store->swap_lease({"conductor", "a", 1, 0}));
  auto d = created();
  ask("i-1", 5);
  ASSERT_TRUE(run(store->update_deploy(d, {}, Fence{"conductor", 1})));
  d.revision = 2;
  ASSERT_TRUE(run(store->swap_lease({"conductor", "b", 2, first->revision})));
  EXPECT_EQ(run(store->update_deploy(d, {}, Fence{"conductor", 1})).error().code, ErrorCode::forbidden);
  Instance i = instance_of("i-1");
  i.result.state = InstanceState::converged;
  EXPECT_EQ(run(store->record_instances({i}, Fence{"conductor", 1})).error().code, ErrorCode::forbidden);
  EXPECT_EQ(instance_of("i-1").result.state, InstanceState::waiting);
  EXPECT_EQ(run(store->deploy(d.target, d.number))->revision, 2);
  EXPECT_TRUE(run(store->update_deploy(d, {}, Fence{"conductor", 2})));
  EXPECT_TRUE(run(store->record_instances({i}, Fence{"conductor", 2})));
  EXPECT_EQ(run(store->update_deploy(d, {}, Fence{"other", 1})).error().code, ErrorCode::forbidden);
}

}  // namespace
}  // namespace lemmy::store
