// Several servers on one database: what one writes the others respect.
#include "store/postgres/fixture.h"

namespace lemmy::store::postgres {
namespace {

TEST_F(Postgres, two_stores_that_make_deploys_at_once_use_each_number_once) {
  auto a = open(), b = open();
  std::vector<Task<Result<lemmy::Deploy>>> tasks;
  for (int i = 0; i < 60; ++i) tasks.push_back((i % 2 ? a : b)->create_deploy(deploy(), event("x")));
  std::set<int64_t> numbers;
  for (auto& r : run_all(std::move(tasks))) {
    ASSERT_TRUE(r) << r.error().str();
    numbers.insert(r->number);
  }
  EXPECT_EQ(numbers.size(), 60u);
  EXPECT_EQ(*numbers.rbegin(), 60);
}

TEST_F(Postgres, one_request_sent_to_two_servers_at_once_is_one_deploy) {
  auto a = open(), b = open();
  auto d = deploy();
  d.request_id = "click";
  std::vector<Task<Result<lemmy::Deploy>>> tasks;
  for (int i = 0; i < 30; ++i) tasks.push_back((i % 2 ? a : b)->create_deploy(d, event("x")));
  for (auto& r : run_all(std::move(tasks))) {
    ASSERT_TRUE(r) << r.error().str();
    EXPECT_EQ(r->number, 1);
  }
  EXPECT_EQ(run(a->deploy_events(d.target, 1, 0, 100))->size(), 1u);
}

TEST_F(Postgres, one_delivery_sent_to_two_servers_at_once_is_taken_once) {
  auto a = open(), b = open();
  Build build{"hello", "abcdef0", "main", "", "", "", "", now(), now()};
  std::vector<Task<Result<Accepted>>> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back((i % 2 ? a : b)->accept(delivery("same"), build));
  int taken = 0;
  std::set<int64_t> seqs;
  for (auto& r : run_all(std::move(tasks))) {
    ASSERT_TRUE(r) << r.error().str();
    taken += !r->duplicate;
    seqs.insert(r->delivery.seq);
  }
  EXPECT_EQ(taken, 1);
  EXPECT_EQ(seqs.size(), 1u);
}

TEST_F(Postgres, of_two_servers_that_change_one_deploy_at_once_one_wins) {
  auto a = open(), b = open();
  auto d = *run(a->create_deploy(deploy(), event("x")));
  std::vector<Task<Result<lemmy::Deploy>>> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back((i % 2 ? a : b)->update_deploy(d, {event("won")}));
  int won = 0;
  for (auto& r : run_all(std::move(tasks))) {
    won += r.has_value();
    if (!r) EXPECT_EQ(r.error().code, ErrorCode::conflict) << r.error().str();
  }
  EXPECT_EQ(won, 1);
  EXPECT_EQ(run(b->deploy_events(d.target, 1, 0, 100))->size(), 2u);
}

Task<> write_events(PostgresStore& store, Target target, int count) {
  for (int written = 0; written < count;) {
    auto d = co_await store.deploy(target, 1);
    DeployEvent one, two;
    one.text = "one", two.text = "two";
    std::vector<DeployEvent> events{one, two};
    auto done = co_await store.update_deploy(*d, events);
    written += done.has_value();
  }
}
Task<std::vector<int64_t>> follow_events(PostgresStore& store, Target target, size_t count) {
  std::vector<int64_t> seen;
  while (seen.size() < count) {
    auto more = co_await store.deploy_events(target, 1, seen.empty() ? 0 : seen.back(), 3);
    for (auto& e : *more) seen.push_back(e.seq);
  }
  co_return seen;
}

TEST_F(Postgres, who_follows_the_events_of_a_deploy_that_two_servers_write_misses_none) {
  auto a = open(), b = open(), reader = open();
  auto d = *run(a->create_deploy(deploy(), event("x")));
  auto noise = *run(a->create_deploy(deploy("production"), event("x")));
  auto w1 = asio::co_spawn(loop, write_events(*a, d.target, 40), asio::use_future);
  auto w2 = asio::co_spawn(loop, write_events(*b, d.target, 40), asio::use_future);
  auto w3 = asio::co_spawn(loop, write_events(*b, noise.target, 40), asio::use_future);
  auto seen = run(with_deadline(
      [](PostgresStore& s, Target t) -> Task<Result<std::vector<int64_t>>> {
        co_return co_await follow_events(s, t, 161);
      }(*reader, d.target),
      seconds(30), "following"));
  for (auto* w : {&w1, &w2, &w3}) finish(std::move(*w));
  ASSERT_TRUE(seen) << seen.error().str();
  auto all = *run(reader->deploy_events(d.target, 1, 0, 1000));
  ASSERT_EQ(all.size(), 161u);
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].seq, seen->at(i));
}

TEST_F(Postgres, calls_of_one_instance_to_two_servers_are_all_counted) {
  auto a = open(), b = open();
  std::vector<Task<Result<Accepted>>> tasks;
  for (int i = 0; i < 30; ++i) {
    InstanceCall call{{"hello", "staging"}, "i-1", "", "token", from_millis(i)};
    tasks.push_back((i % 2 ? a : b)->accept_instance(delivery(std::to_string(i)), call));
  }
  for (auto& r : run_all(std::move(tasks))) ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(run(b->instance({"hello", "staging"}, "i-1"))->asked, 30);
}

TEST_F(Postgres, two_servers_that_record_the_same_instances_in_any_order_do_not_block_each_other) {
  auto a = open(), b = open();
  std::vector<Task<Result<Accepted>>> calls;
  for (int i = 0; i < 50; ++i) {
    InstanceCall call{{"hello", "staging"}, std::to_string(i), "", "token", from_millis(i)};
    calls.push_back(a->accept_instance(delivery(std::to_string(i)), call));
  }
  for (auto& r : run_all(std::move(calls))) ASSERT_TRUE(r);
  auto forth = *run(a->unsettled_instances()), back = forth;
  std::ranges::reverse(back);
  std::vector<Task<Result<>>> tasks;
  for (int i = 0; i < 20; ++i)
    tasks.push_back(i % 2 ? a->record_instances(forth, {}) : b->record_instances(back, {}));
  for (auto& r : run_all(std::move(tasks))) EXPECT_TRUE(r) << r.error().str();
}

TEST_F(Postgres, once_a_lease_was_taken_over_nothing_of_the_one_before_is_written) {
  auto a = open(), b = open();
  Lease lease = *run(a->swap_lease({"conductor", "a", 1, 0}));
  std::vector<lemmy::Deploy> all;
  for (int i = 0; i < 40; ++i)
    all.push_back(*run(a->create_deploy(deploy("e" + std::to_string(i)), event("x"))));
  std::vector<std::future<Result<lemmy::Deploy>>> writes;
  for (auto& d : all)
    writes.push_back(asio::co_spawn(loop, a->update_deploy(d, {}, Fence{"conductor", 1}), asio::use_future));
  ASSERT_TRUE(run(b->swap_lease({"conductor", "b", 2, lease.revision})));
  std::map<std::string, int64_t> then;  // what there was when the other one had the lease
  for (auto& d : *run(b->unsettled_deploys())) then[d.target.environment] = d.revision;
  for (size_t i = 0; i < writes.size(); ++i) {
    auto r = finish(std::move(writes[i]));
    if (!r) EXPECT_EQ(r.error().code, ErrorCode::forbidden) << r.error().str();
    EXPECT_EQ(then[all[i].target.environment], r ? 2 : 1);
    EXPECT_EQ(run(b->deploy(all[i].target, 1))->revision, r ? 2 : 1);
  }
  EXPECT_EQ(run(a->update_deploy(all[0], {}, Fence{"conductor", 1})).error().code, ErrorCode::forbidden);
}

TEST_F(Postgres, two_servers_that_write_the_same_things_in_any_order_do_not_block_each_other) {
  auto a = open(), b = open();
  std::vector<lemmy::Deploy> deploys;
  for (int i = 0; i < 5; ++i)
    deploys.push_back(*run(a->create_deploy(deploy("e" + std::to_string(i)), event("x"))));
  Writes forth;
  for (auto& d : deploys) {
    forth.change.push_back({d, {}});
    forth.put.push_back({"lock", d.target.str(), {}, 0});
  }
  Writes back = forth;
  std::ranges::reverse(back.change);
  std::ranges::reverse(back.put);
  std::vector<Task<Result<Written>>> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back((i % 2 ? a : b)->write_all(i % 2 ? forth : back, {}));
  int won = 0;
  for (auto& r : run_all(std::move(tasks))) {
    won += r.has_value();
    if (!r) EXPECT_EQ(r.error().code, ErrorCode::conflict) << r.error().str();
  }
  EXPECT_EQ(won, 1);
  EXPECT_EQ(run(b->entries("lock", "", {}))->items.size(), 5u);
}

}  // namespace
}  // namespace lemmy::store::postgres
