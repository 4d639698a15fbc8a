#include "store/conformance.h"

#include "base/crypto.h"

namespace lemmy::store {
namespace {

TEST_P(StoreConformance, a_build_is_found_by_its_sha_and_by_a_prefix) {
  push("abcdef0123", 1);
  EXPECT_EQ(run(store->build("hello", "abcdef0123"))->branch, "main");
  EXPECT_EQ(run(store->build("hello", "abcdef0"))->sha, "abcdef0123");
  EXPECT_EQ(run(store->build("hello", "abcdef1")).error().code, ErrorCode::not_found);
  EXPECT_EQ(run(store->build("other", "abcdef0")).error().code, ErrorCode::not_found);
  EXPECT_EQ(run(store->build("hello", "abcdef")).error().code, ErrorCode::invalid);
}

TEST_P(StoreConformance, a_prefix_of_several_builds_is_a_conflict_unless_it_is_one_of_them) {
  push("abcdef01", 1);
  push("abcdef02", 2);
  EXPECT_EQ(run(store->build("hello", "abcdef0")).error().code, ErrorCode::conflict);
  push("abcdef0", 3);
  EXPECT_EQ(run(store->build("hello", "abcdef0"))->sha, "abcdef0");
}

TEST_P(StoreConformance, announcing_a_build_again_updates_it_and_keeps_what_is_not_named) {
  Build b = build("abcdef0", 10);
  b.url = "https://x/1";
  b.image = "i:1";
  ASSERT_TRUE(run(store->accept(delivery("1"), b)));
  b.pushed_at = b.first_pushed_at = from_millis(20);
  b.url = "";
  b.image = "i:2";
  ASSERT_TRUE(run(store->accept(delivery("2"), b)));
  auto got = run(store->build("hello", "abcdef0"));
  EXPECT_EQ(got->url, "https://x/1");
  EXPECT_EQ(got->image, "i:2");
  EXPECT_EQ(got->first_pushed_at, from_millis(10));
  EXPECT_EQ(got->pushed_at, from_millis(20));
  EXPECT_EQ(run(store->builds("hello", {}))->items.size(), 1u);
}

TEST_P(StoreConformance, a_delivery_id_seen_before_writes_nothing_and_gives_the_first_one_back) {
  auto first = run(store->accept(delivery("same"), build("abcdef0", 1)));
  EXPECT_FALSE(first->duplicate);
  auto again = run(store->accept(delivery("same"), build("abcdef1", 2)));
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->delivery, first->delivery);
  EXPECT_FALSE(run(store->build("hello", "abcdef1")));
}

TEST_P(StoreConformance, a_refused_call_does_not_take_the_id_of_a_good_one) {
  ASSERT_TRUE(run(store->accept(delivery("x", "refused"), std::nullopt)));
  ASSERT_TRUE(run(store->accept(delivery("x", "refused"), std::nullopt)));
  EXPECT_FALSE(run(store->accept(delivery("x"), build("abcdef0", 1)))->duplicate);
  EXPECT_EQ(run(store->deliveries({}))->items.size(), 3u);
}

TEST_P(StoreConformance, builds_come_newest_first_and_pages_lose_none) {
  for (int i = 0; i < 25; ++i) push(fmt::format("abcdef{:02}", i), i / 3);  // with ties
  std::vector<std::string> seen;
  Page page{7, ""};
  do {
    auto l = run(store->builds("hello", page));
    ASSERT_TRUE(l) << l.error().str();
    for (auto& b : l->items) seen.push_back(b.sha);
    page.after = l->next;
    push("fffffff" + std::to_string(1000 + seen.size()),
         1000 + static_cast<int64_t>(seen.size()));  // while reading
  } while (!page.after.empty());
  ASSERT_EQ(seen.size(), 25u);
  EXPECT_EQ(seen.front(), "abcdef24");
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 25u);
}

TEST_P(StoreConformance, a_wrong_cursor_is_an_error) {
  EXPECT_EQ(run(store->builds("hello", {5, "nonsense"})).error().code, ErrorCode::invalid);
  EXPECT_EQ(run(store->deliveries({5, "x"})).error().code, ErrorCode::invalid);
  EXPECT_EQ(run(store->deploys({"hello", "staging"}, {5, "x"})).error().code, ErrorCode::invalid);
}

TEST_P(StoreConformance, projects_with_builds_are_each_named_once) {
  push("abcdef0", 1, "zeta");
  push("abcdef1", 2, "alpha");
  push("abcdef2", 3, "alpha");
  EXPECT_EQ(*run(store->projects_with_builds()), (std::vector<std::string>{"alpha", "zeta"}));
}

TEST_P(StoreConformance, text_of_any_language_and_control_characters_survive) {
  Build b = build("abcdef0", 1);
  b.message = std::string("grüße 你好 🚀 \"q\" \\ \n\t\0 end", 34);
  ASSERT_TRUE(run(store->accept(delivery("ü"), b)));
  EXPECT_EQ(run(store->build("hello", "abcdef0"))->message, b.message);
}

TEST_P(StoreConformance, deploys_are_numbered_from_one_for_each_target) {
  EXPECT_EQ(run(store->create_deploy(deploy(), event("a")))->number, 1);
  EXPECT_EQ(run(store->create_deploy(deploy(), event("b")))->number, 2);
  EXPECT_EQ(run(store->create_deploy(deploy("production"), event("c")))->number, 1);
  EXPECT_EQ(run(store->create_deploy(deploy(), event("d")))->revision, 1);
}

TEST_P(StoreConformance, the_same_request_id_is_the_same_deploy) {
  auto d = deploy();
  d.request_id = "click-1";
  auto first = run(store->create_deploy(d, event("a")));
  EXPECT_EQ(*run(store->create_deploy(d, event("b"))), *first);
  EXPECT_EQ(run(store->deploy_events(d.target, 1, 0, 100))->size(), 1u);
  auto elsewhere = deploy("production");
  elsewhere.request_id = "click-1";
  EXPECT_EQ(run(store->create_deploy(elsewhere, event("c")))->target.environment, "production");
}

TEST_P(StoreConformance, concurrent_creators_get_numbers_of_their_own) {
  std::vector<std::future<Result<lemmy::Deploy>>> all;
  for (int i = 0; i < 50; ++i)
    all.push_back(asio::co_spawn(loop, store->create_deploy(deploy(), event("a")), asio::use_future));
  std::set<int64_t> numbers;
  for (auto& f : all) numbers.insert(finish(std::move(f))->number);
  EXPECT_EQ(numbers.size(), 50u);
  EXPECT_EQ(*numbers.rbegin(), 50);
}

TEST_P(StoreConformance, an_update_from_an_old_revision_is_a_conflict_and_writes_nothing) {
  auto d = *run(store->create_deploy(deploy(), event("a")));
  auto other = d;
  d.phase = Phase::preparing;
  auto updated = run(store->update_deploy(d, {event("b")}));
  ASSERT_TRUE(updated);
  EXPECT_EQ(updated->revision, 2);
  other.phase = Phase::cancelled;
  EXPECT_EQ(run(store->update_deploy(other, {event("c")})).error().code, ErrorCode::conflict);
  EXPECT_EQ(run(store->deploy(d.target, 1))->phase, Phase::preparing);
  EXPECT_EQ(run(store->deploy_events(d.target, 1, 0, 100))->size(), 2u);
  other.number = 99;
  EXPECT_EQ(run(store->update_deploy(other, {})).error().code, ErrorCode::conflict);
}

TEST_P(StoreConformance, of_many_writers_of_one_revision_one_wins) {
  auto d = *run(store->create_deploy(deploy(), event("a")));
  std::vector<std::future<Result<lemmy::Deploy>>> all;
  for (int i = 0; i < 20; ++i)
    all.push_back(asio::co_spawn(loop, store->update_deploy(d, {}), asio::use_future));
  int won = 0;
  for (auto& f : all) won += finish(std::move(f)).has_value();
  EXPECT_EQ(won, 1);
}

TEST_P(StoreConformance, events_come_in_order_and_go_on_after_a_seq) {
  auto d = *run(store->create_deploy(deploy(), event("0")));
  run(store->create_deploy(deploy("production"), event("elsewhere")));
  for (int i = 1; i < 5; ++i) d = *run(store->update_deploy(d, {event(std::to_string(i))}));
  auto all = *run(store->deploy_events(d.target, 1, 0, 100));
  ASSERT_EQ(all.size(), 5u);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(all[i].text, std::to_string(i));
  auto rest = *run(store->deploy_events(d.target, 1, all[2].seq, 100));
  ASSERT_EQ(rest.size(), 2u);
  EXPECT_EQ(rest[0], all[3]);
}

TEST_P(StoreConformance, deploys_come_highest_first_page_by_page) {
  for (int i = 0; i < 5; ++i) run(store->create_deploy(deploy(), event("a")));
  auto first = run(store->deploys({"hello", "staging"}, {2, ""}));
  EXPECT_EQ(first->items[0].number, 5);
  auto second = run(store->deploys({"hello", "staging"}, {2, first->next}));
  EXPECT_EQ(second->items[0].number, 3);
  auto third = run(store->deploys({"hello", "staging"}, {2, second->next}));
  EXPECT_EQ(third->items.size(), 1u);
  EXPECT_EQ(third->next, "");
}

TEST_P(StoreConformance, unsettled_are_those_a_starting_server_must_look_after) {
  auto make = [&](Phase phase, Presence presence, Wanted wanted) {
    auto d = *run(store->create_deploy(deploy(), event("a")));
    d.phase = phase;
    d.presence = presence;
    d.wanted = wanted;
    run(store->update_deploy(d, {}));
  };
  make(Phase::live, Presence::deleted, Wanted::deleted);    // 1: over
  make(Phase::cancelled, Presence::none, Wanted::running);  // 2: over
  make(Phase::queued, Presence::none, Wanted::running);     // 3
  make(Phase::live, Presence::running, Wanted::running);    // 4
  make(Phase::live, Presence::zeroed, Wanted::zeroed);      // 5
  make(Phase::failed, Presence::none, Wanted::deleted);     // 6
  std::vector<int64_t> numbers;
  for (auto& d : *run(store->unsettled_deploys())) numbers.push_back(d.number);
  EXPECT_EQ(numbers, (std::vector<int64_t>{3, 4, 5, 6}));
}

TEST_P(StoreConformance, the_latest_deploy_of_each_target_is_given) {
  run(store->create_deploy(deploy(), event("a")));
  run(store->create_deploy(deploy(), event("b")));
  run(store->create_deploy(deploy("production"), event("c")));
  auto latest = *run(store->latest_deploys());
  ASSERT_EQ(latest.size(), 2u);
  EXPECT_EQ(latest[0].target.environment, "production");
  EXPECT_EQ(latest[1].number, 2);
}

TEST_P(StoreConformance, documents_are_kept_whole_and_replaced) {
  Target t{"hello", "staging"};
  std::string text = random_bytes(3 << 20) + std::string(1 << 20, 'x');
  ASSERT_TRUE(run(store->put_document(t, 1, "manifests", "old")));
  ASSERT_TRUE(run(store->put_document(t, 1, "manifests", text)));
  EXPECT_TRUE(*run(store->document(t, 1, "manifests")) == text);
  EXPECT_EQ(run(store->document(t, 2, "manifests")).error().code, ErrorCode::not_found);
  ASSERT_TRUE(run(store->put_document(t, 1, "empty", "")));
  EXPECT_EQ(*run(store->document(t, 1, "empty")), "");
  EXPECT_EQ(run(store->put_document(t, 1, "log", std::string((16u << 20) + 1, 'x'))).error().code,
            ErrorCode::too_large);
}

TEST_P(StoreConformance, what_does_not_exist_is_not_found) {
  EXPECT_EQ(run(store->deploy({"hello", "staging"}, 1)).error().code, ErrorCode::not_found);
  EXPECT_TRUE(run(store->deploys({"hello", "staging"}, {}))->items.empty());
  EXPECT_TRUE(run(store->latest_deploys())->empty());
  EXPECT_TRUE(run(store->check()));
}

}  // namespace
}  // namespace lemmy::store
