// Conformance: writes that are repeated after an unknown outcome, and writes at once.
#include "base/crypto.h"
#include "store/conformance.h"

namespace lemmy::store {
namespace {

TEST_P(StoreConformance, a_build_whose_announcement_is_repeated_is_as_after_the_first) {
  ASSERT_TRUE(run(store->accept(delivery("1"), build("abcdef0", 5))));
  auto before = *run(store->build("hello", "abcdef0"));
  for (int i = 0; i < 3; ++i) {
    auto again = run(store->accept(delivery("1"), build("abcdef0", 5)));
    ASSERT_TRUE(again);
    EXPECT_TRUE(again->duplicate);
  }
  EXPECT_EQ(*run(store->build("hello", "abcdef0")), before);
  EXPECT_EQ(run(store->deliveries({}))->items.size(), 1u);
}

TEST_P(StoreConformance, an_old_announcement_that_comes_late_does_not_move_a_build_back) {
  push("abcdef0", 50);
  push("abcdef0", 10);
  EXPECT_EQ(run(store->build("hello", "abcdef0"))->pushed_at, from_millis(50));
}

TEST_P(StoreConformance, a_request_repeated_much_later_still_gives_its_own_deploy) {
  auto d = deploy();
  d.request_id = "click";
  ASSERT_EQ(run(store->create_deploy(d, event("x")))->number, 1);
  for (int i = 0; i < 5; ++i) created();
  EXPECT_EQ(run(store->create_deploy(d, event("x")))->number, 1);
  EXPECT_EQ(run(store->deploys(d.target, {}))->items.size(), 6u);
}

TEST_P(StoreConformance, after_an_update_of_unknown_outcome_who_looks_sees_what_happened) {
  auto d = created();
  d.phase = Phase::preparing;
  ASSERT_TRUE(run(store->update_deploy(d, {event("once")})));  // its answer was lost
  EXPECT_EQ(run(store->update_deploy(d, {event("once")})).error().code, ErrorCode::conflict);
  auto now = *run(store->deploy(d.target, 1));
  EXPECT_EQ(now.phase, Phase::preparing);
  EXPECT_EQ(now.revision, 2);
}

TEST_P(StoreConformance, a_document_that_is_written_again_is_the_same) {
  auto d = created();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(run(store->put_document(d.target, 1, "log", "text")));
  EXPECT_EQ(*run(store->document(d.target, 1, "log")), "text");
}

TEST_P(StoreConformance, a_result_that_is_recorded_again_is_the_same) {
  ask("i-1", 5);
  Instance i = instance_of("i-1");
  i.result.state = InstanceState::converged;
  i.result.answered = 1;
  for (int n = 0; n < 3; ++n) ASSERT_TRUE(run(store->record_instances({i}, {})));
  EXPECT_EQ(instance_of("i-1"), i);
}

TEST_P(StoreConformance, nothing_to_record_is_recorded) { EXPECT_TRUE(run(store->record_instances({}, {}))); }

TEST_P(StoreConformance, who_took_a_lease_with_unknown_outcome_sees_that_it_has_it) {
  ASSERT_TRUE(run(store->swap_lease({"conductor", "me", 1, 0})));  // its answer was lost
  EXPECT_EQ(run(store->swap_lease({"conductor", "me", 1, 0})).error().code, ErrorCode::conflict);
  EXPECT_EQ(*run(store->lease("conductor")), (Lease{"conductor", "me", 1, 1}));
}

TEST_P(StoreConformance, a_lease_that_was_given_back_is_nobodys_and_keeps_its_token) {
  auto mine = *run(store->swap_lease({"conductor", "me", 1, 0}));
  mine.holder = "";
  ASSERT_TRUE(run(store->swap_lease(mine)));
  EXPECT_EQ(*run(store->lease("conductor")), (Lease{"conductor", "", 1, 2}));
}

TEST_P(StoreConformance, leases_of_two_names_are_apart) {
  ASSERT_TRUE(run(store->swap_lease({"a", "x", 1, 0})));
  ASSERT_TRUE(run(store->swap_lease({"b", "y", 5, 0})));
  EXPECT_EQ(run(store->lease("a"))->holder, "x");
  EXPECT_EQ(run(store->lease("b"))->token, 5);
}

TEST_P(StoreConformance, of_many_that_renew_one_lease_at_once_one_does) {
  auto lease = *run(store->swap_lease({"conductor", "a", 1, 0}));
  std::vector<Task<Result<Lease>>> tasks;
  for (int i = 0; i < 16; ++i) {
    Lease next = lease;
    next.holder = std::to_string(i);
    next.token = 2;
    tasks.push_back(store->swap_lease(next));
  }
  std::string winner;
  for (auto& r : run_all(std::move(tasks)))
    if (r) winner += r->holder + " ";
  EXPECT_EQ(winner, run(store->lease("conductor"))->holder + " ");
  EXPECT_EQ(run(store->lease("conductor"))->revision, 2);
}

TEST_P(StoreConformance, a_fence_of_a_lease_that_nobody_took_lets_nothing_through) {
  auto d = created();
  EXPECT_EQ(run(store->update_deploy(d, {event("x")}, Fence{"conductor", 0})).error().code,
            ErrorCode::forbidden);
  EXPECT_EQ(run(store->deploy_events(d.target, 1, 0, 10))->size(), 1u);
}

TEST_P(StoreConformance, a_renewed_lease_lets_its_holder_write_on) {
  auto lease = *run(store->swap_lease({"conductor", "a", 1, 0}));
  auto d = created();
  for (int i = 0; i < 3; ++i) {
    lease = *run(store->swap_lease(lease));
    auto r = run(store->update_deploy(d, {}, Fence{"conductor", 1}));
    ASSERT_TRUE(r) << r.error().str();
    d = *r;
  }
}

TEST_P(StoreConformance, announcements_of_one_build_at_once_leave_one_of_the_latest_time) {
  std::vector<Task<Result<Accepted>>> tasks;
  for (int i = 1; i <= 30; ++i)
    tasks.push_back(store->accept(delivery(std::to_string(i)), build("abcdef0", i)));
  for (auto& r : run_all(std::move(tasks))) ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(run(store->builds("hello", {}))->items.size(), 1u);
  EXPECT_EQ(run(store->build("hello", "abcdef0"))->pushed_at, from_millis(30));
}

TEST_P(StoreConformance, first_deploys_of_many_targets_at_once_have_number_one) {
  std::vector<Task<Result<lemmy::Deploy>>> tasks;
  for (int i = 0; i < 30; ++i)
    tasks.push_back(store->create_deploy(deploy("e" + std::to_string(i)), event("x")));
  for (auto& r : run_all(std::move(tasks))) {
    ASSERT_TRUE(r) << r.error().str();
    EXPECT_EQ(r->number, 1);
  }
  EXPECT_EQ(run(store->latest_deploys())->size(), 30u);
}

TEST_P(StoreConformance, different_requests_at_once_are_different_deploys) {
  std::vector<Task<Result<lemmy::Deploy>>> tasks;
  for (int i = 0; i < 20; ++i) {
    auto d = deploy();
    d.request_id = "r" + std::to_string(i / 2);  // each twice
    tasks.push_back(store->create_deploy(d, event("x")));
  }
  std::map<std::string, std::set<int64_t>> numbers;
  for (auto& r : run_all(std::move(tasks))) {
    ASSERT_TRUE(r) << r.error().str();
    numbers[r->request_id].insert(r->number);
  }
  EXPECT_EQ(numbers.size(), 10u);
  for (auto& [request, of] : numbers) EXPECT_EQ(of.size(), 1u) << request;
  EXPECT_EQ(run(store->deploys({"hello", "staging"}, {}))->items.size(), 10u);
}

TEST_P(StoreConformance, documents_written_at_once_are_each_whole) {
  auto d = created();
  std::vector<std::string> texts;
  std::vector<Task<Result<>>> tasks;
  for (int i = 0; i < 8; ++i) {
    texts.push_back(random_bytes(200'000));
    tasks.push_back(store->put_document(d.target, i + 1, "log", texts.back()));
    tasks.push_back(store->put_document(d.target, 99, "log", texts.back()));
  }
  for (auto& r : run_all(std::move(tasks))) ASSERT_TRUE(r) << r.error().str();
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(*run(store->document(d.target, i + 1, "log")) == texts[i]);
  EXPECT_NE(std::ranges::find(texts, *run(store->document(d.target, 99, "log"))), texts.end());
}

TEST_P(StoreConformance, calls_and_results_at_once_lose_nothing_of_each_other) {
  ask("i-1", 1);
  Instance i = instance_of("i-1");
  i.result.state = InstanceState::converged;
  i.result.host = "web-1";
  std::vector<std::future<Result<Accepted>>> calls;
  std::vector<std::future<Result<>>> results;
  for (int n = 0; n < 15; ++n) {
    calls.push_back(asio::co_spawn(
        loop, store->accept_instance(instance_delivery("n" + std::to_string(n)), call("i-1", n)),
        asio::use_future));
    results.push_back(asio::co_spawn(loop, store->record_instances({i}, {}), asio::use_future));
  }
  for (auto& c : calls) ASSERT_TRUE(finish(std::move(c)));
  for (auto& r : results) ASSERT_TRUE(finish(std::move(r)));
  EXPECT_EQ(instance_of("i-1").asked, 16);
  EXPECT_EQ(instance_of("i-1").result.host, "web-1");
}

TEST_P(StoreConformance, pages_of_builds_show_those_that_stand_still_once_while_others_move) {
  for (int i = 0; i < 12; ++i) push(fmt::format("abcdef{:x}", i), i + 1);
  std::multiset<std::string> seen;
  Page page{3, ""};
  int64_t at = 100;
  do {
    auto l = run(store->builds("hello", page));
    for (auto& b : l->items) seen.insert(b.sha);
    page.after = l->next;
    push("abcdef0", ++at);  // the oldest, again and again
  } while (!page.after.empty());
  for (int i = 1; i < 12; ++i) EXPECT_EQ(seen.count(fmt::format("abcdef{:x}", i)), 1u) << i;
}

TEST_P(StoreConformance, pages_of_instances_show_those_that_stand_still_once_while_others_call) {
  for (int i = 0; i < 12; ++i) ask(fmt::format("i-{:02}", i), i / 2);
  std::multiset<std::string> seen;
  Page page{3, ""};
  int64_t at = 100;
  do {
    auto l = run(store->instances("hello", "", page));
    for (auto& i : l->items) seen.insert(i.id);
    page.after = l->next;
    ask("i-00", ++at);
  } while (!page.after.empty());
  for (int i = 1; i < 12; ++i) EXPECT_EQ(seen.count(fmt::format("i-{:02}", i)), 1u) << i;
}

TEST_P(StoreConformance, instances_of_projects_that_look_alike_are_apart) {
  ask("i-1", 1, {"hello", "staging"});
  ask("i-1", 2, {"hello-2", "staging"});
  EXPECT_EQ(run(store->instances("hello", "", {}))->items.size(), 1u);
  EXPECT_EQ(run(store->instances("hell", "", {}))->items.size(), 0u);
  EXPECT_EQ(run(store->instances("", "staging", {}))->items.size(), 2u);
  EXPECT_EQ(instance_of("i-1").asked, 1);
}

TEST_P(StoreConformance, a_write_that_was_given_up_is_kept_whole_or_not_at_all) {
  auto quick = [](Store& s, lemmy::Deploy d, DeployEvent e) -> Task<Result<lemmy::Deploy>> {
    co_return co_await with_deadline(s.create_deploy(d, e), milliseconds(1), "store");
  };
  for (int i = 0; i < 20; ++i) run(quick(*store, deploy(), event("x")));
  created();  // after all that were under way for this target
  auto all = run(store->deploys({"hello", "staging"}, {1000, ""}));
  ASSERT_TRUE(all);
  for (auto& d : all->items) EXPECT_EQ(run(store->deploy_events(d.target, d.number, 0, 10))->size(), 1u);
  EXPECT_EQ(all->items.front().number, static_cast<int64_t>(all->items.size()));
}

}  // namespace
}  // namespace lemmy::store
