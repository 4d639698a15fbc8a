// Conformance: builds and the ledger, in detail.
#include "store/conformance.h"

namespace lemmy::store {
namespace {

TEST_P(StoreConformance, a_build_comes_back_as_it_was_given) {
  Build b{"hello",
          "abcdef0123456789abcdef0123456789abcdef01",
          "feature/x",
          "registry/hello@sha256:1",
          "https://ci/1",
          "Ada <ada@example.org>",
          "one\n\ntwo\tx",
          from_millis(1'790'000'000'123),
          from_millis(1'790'000'000'123)};
  ASSERT_TRUE(run(store->accept(delivery("1"), b)));
  EXPECT_EQ(*run(store->build("hello", b.sha)), b);
  EXPECT_EQ(run(store->builds("hello", {}))->items, std::vector{b});
}

TEST_P(StoreConformance, a_sha_shorter_than_7_or_not_hex_is_invalid) {
  push("abcdef0", 1);
  const std::string longest(64, 'a');
  push(longest, 2);
  EXPECT_EQ(run(store->build("hello", longest))->sha, longest);
  EXPECT_EQ(run(store->build("hello", longest.substr(0, 50)))->sha, longest);
  for (const std::string& bad : {std::string(), std::string("abcdef"), std::string("ABCDEF0"),
                                 std::string("abcdefg"), std::string("abcdef%"), longest + "a"})
    EXPECT_EQ(run(store->build("hello", bad)).error().code, ErrorCode::invalid) << bad;
}

TEST_P(StoreConformance, a_prefix_longer_than_the_stored_sha_is_not_found) {
  push("abcdef0", 1);
  EXPECT_EQ(run(store->build("hello", "abcdef01")).error().code, ErrorCode::not_found);
}

TEST_P(StoreConformance, a_prefix_that_ends_in_f_finds_the_last_of_its_range) {
  push("ffffffffffffffffffffffffffffffffffffffff", 1);
  EXPECT_TRUE(run(store->build("hello", "fffffff")));
  EXPECT_EQ(run(store->build("hello", "ffffffe")).error().code, ErrorCode::not_found);
}

TEST_P(StoreConformance, projects_do_not_see_the_builds_of_one_another) {
  push("abcdef0", 1, "hello");
  push("abcdef0", 2, "hello-2");
  EXPECT_EQ(run(store->builds("hello", {}))->items.size(), 1u);
  EXPECT_EQ(run(store->build("hello", "abcdef0"))->pushed_at, from_millis(1));
  EXPECT_EQ(run(store->build("hello-2", "abcdef0"))->pushed_at, from_millis(2));
  EXPECT_TRUE(run(store->builds("hell", {}))->items.empty());
}

TEST_P(StoreConformance, a_build_announced_again_moves_to_the_front) {
  push("abcdef0", 1);
  push("abcdef1", 2);
  push("abcdef0", 3);
  auto l = run(store->builds("hello", {}));
  ASSERT_EQ(l->items.size(), 2u);
  EXPECT_EQ(l->items[0].sha, "abcdef0");
  EXPECT_EQ(l->items[0].first_pushed_at, from_millis(1));
}

Build announcement(const std::string& image, int64_t at, bool dated) {
  Build b{"hello", "abcdef0", "main", image, "", "", "", from_millis(at), from_millis(at)};
  b.dated = dated;
  return b;
}

TEST_P(StoreConformance, an_older_announcement_only_fills_what_is_empty) {
  ASSERT_TRUE(run(store->accept(delivery("new"), announcement("new", 50, true))));
  Build late = announcement("old", 10, true);
  late.branch = "other";
  late.url = "https://ci/1";
  late.author = "Ada";
  late.message = "why";
  auto accepted = run(store->accept(delivery("late"), late));
  ASSERT_TRUE(accepted) << accepted.error().str();
  Build kept = announcement("new", 50, false);
  kept.url = late.url;
  kept.author = late.author;
  kept.message = late.message;
  EXPECT_EQ(accepted->build, kept);
  EXPECT_EQ(*run(store->build("hello", "abcdef0")), kept);
  EXPECT_EQ(run(store->builds("hello", {}))->items, std::vector{kept});
}

TEST_P(StoreConformance, an_announcement_as_old_as_what_is_kept_or_newer_is_what_is_kept) {
  for (int64_t at : {10, 10, 20}) {
    const std::string image = random_hex(4);
    auto accepted = run(store->accept(delivery(image), announcement(image, at, true)));
    ASSERT_TRUE(accepted) << accepted.error().str();
    Build kept = announcement(image, at, false);
    kept.first_pushed_at = from_millis(10);
    EXPECT_EQ(accepted->build, kept);
    EXPECT_EQ(*run(store->build("hello", "abcdef0")), kept);
  }
}

TEST_P(StoreConformance, an_announcement_without_a_time_of_its_own_is_never_older) {
  for (bool dated : {true, false}) {
    ASSERT_TRUE(run(store->accept(delivery(random_hex(4)), announcement("before", 50, dated))));
    auto accepted = run(store->accept(delivery(random_hex(4)), announcement("after", 10, false)));
    ASSERT_TRUE(accepted) << accepted.error().str();
    Build kept = announcement("after", 50, false);  // never back
    EXPECT_EQ(accepted->build, kept);
    EXPECT_EQ(*run(store->build("hello", "abcdef0")), kept);
  }
}

TEST_P(StoreConformance, of_many_announcements_at_once_the_newest_is_kept) {
  std::vector<Task<Result<Accepted>>> tasks;
  for (int i = 0; i < 40; ++i) {
    const int at = i * 17 % 40 + 1;  // 1 to 40, in no order
    tasks.push_back(store->accept(delivery(std::to_string(i)), announcement(std::to_string(at), at, true)));
  }
  for (auto& r : run_all(std::move(tasks))) {
    ASSERT_TRUE(r) << r.error().str();
    ASSERT_TRUE(r->build);
    EXPECT_EQ(r->build->image, std::to_string(to_millis(r->build->pushed_at)));
  }
  auto kept = *run(store->build("hello", "abcdef0"));
  EXPECT_EQ(kept.image, "40");
  EXPECT_EQ(kept.pushed_at, from_millis(40));
}

TEST_P(StoreConformance, a_duplicate_tells_what_is_kept_now) {
  ASSERT_TRUE(run(store->accept(delivery("1"), announcement("first", 10, true))));
  ASSERT_TRUE(run(store->accept(delivery("2"), announcement("second", 20, true))));
  auto again = run(store->accept(delivery("1"), announcement("first", 10, true)));
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->build, *run(store->build("hello", "abcdef0")));
  EXPECT_EQ(again->build->image, "second");
  EXPECT_FALSE(run(store->accept(delivery("3"), std::nullopt))->build);
}

TEST_P(StoreConformance, builds_pushed_at_the_same_time_have_one_order_on_every_page_size) {
  for (int i = 0; i < 9; ++i) push(fmt::format("abcdef{}", i), 7);
  std::vector<std::string> whole;
  for (auto& b : run(store->builds("hello", {1000, ""}))->items) whole.push_back(b.sha);
  ASSERT_EQ(whole.size(), 9u);
  for (int size = 1; size < 9; ++size) {
    std::vector<std::string> seen;
    Page page{size, ""};
    do {
      auto l = run(store->builds("hello", page));
      for (auto& b : l->items) seen.push_back(b.sha);
      page.after = l->next;
    } while (!page.after.empty());
    EXPECT_EQ(seen, whole) << size;
  }
}

TEST_P(StoreConformance, a_page_that_takes_exactly_all_has_no_next) {
  for (int i = 0; i < 3; ++i) {
    push(fmt::format("abcdef{}", i), i);
    created();
  }
  EXPECT_EQ(run(store->builds("hello", {3, ""}))->next, "");
  EXPECT_EQ(run(store->deliveries({3, ""}))->next, "");
  EXPECT_EQ(run(store->deploys({"hello", "staging"}, {3, ""}))->next, "");
  EXPECT_NE(run(store->builds("hello", {2, ""}))->next, "");
  EXPECT_NE(run(store->deliveries({2, ""}))->next, "");
  EXPECT_NE(run(store->deploys({"hello", "staging"}, {2, ""}))->next, "");
}

TEST_P(StoreConformance, bytes_that_are_not_utf8_never_make_a_build_unreadable) {
  Build b = build("abcdef0", 1);
  b.message = "caf\xe9 \xff\xfe ok";
  ASSERT_TRUE(run(store->accept(delivery("1"), b)));
  auto got = run(store->build("hello", "abcdef0"));
  ASSERT_TRUE(got) << got.error().str();
  EXPECT_TRUE(got->message.ends_with(" ok")) << got->message;
  EXPECT_EQ(run(store->builds("hello", {}))->items.at(0).sha, "abcdef0");
}

TEST_P(StoreConformance, a_delivery_comes_back_as_it_was_given_with_nul_bytes_and_all) {
  Delivery d = delivery("id with \xff");
  d.at = from_millis(1'790'000'000'999);
  d.body = std::string("{\"a\":\0\xff}", 9) + std::string(64'000, 'x');
  d.why = "grüße";
  auto accepted = run(store->accept(d, std::nullopt));
  ASSERT_TRUE(accepted);
  d.seq = accepted->delivery.seq;
  EXPECT_GT(d.seq, 0);
  EXPECT_EQ(accepted->delivery, d);
  EXPECT_EQ(run(store->deliveries({}))->items, std::vector{d});
}

TEST_P(StoreConformance, the_same_id_at_another_hook_is_another_delivery) {
  ASSERT_TRUE(run(store->accept(delivery("x"), std::nullopt)));
  Delivery other = delivery("x");
  other.hook = "instance";
  EXPECT_FALSE(run(store->accept(other, std::nullopt))->duplicate);
}

TEST_P(StoreConformance, a_duplicate_does_not_touch_a_build_announced_since) {
  ASSERT_TRUE(run(store->accept(delivery("old"), build("abcdef0", 1))));
  push("abcdef0", 50);
  EXPECT_TRUE(run(store->accept(delivery("old"), build("abcdef0", 99)))->duplicate);
  EXPECT_EQ(run(store->build("hello", "abcdef0"))->pushed_at, from_millis(50));
}

TEST_P(StoreConformance, of_one_delivery_sent_many_times_at_once_one_is_taken) {
  std::vector<Task<Result<Accepted>>> tasks;
  for (int i = 0; i < 30; ++i) tasks.push_back(store->accept(delivery("same"), build("abcdef0", 1)));
  int taken = 0;
  std::set<int64_t> seqs;
  for (auto& r : run_all(std::move(tasks))) {
    ASSERT_TRUE(r);
    taken += !r->duplicate;
    seqs.insert(r->delivery.seq);
  }
  EXPECT_EQ(taken, 1);
  EXPECT_EQ(seqs.size(), 1u);
  EXPECT_EQ(run(store->deliveries({}))->items.size(), 1u);
}

TEST_P(StoreConformance, a_refused_call_after_a_good_one_is_recorded_too) {
  ASSERT_TRUE(run(store->accept(delivery("x"), std::nullopt)));
  auto refused = run(store->accept(delivery("x", "refused"), std::nullopt));
  EXPECT_FALSE(refused->duplicate);
  EXPECT_TRUE(run(store->accept(delivery("x"), std::nullopt))->duplicate);
  EXPECT_EQ(run(store->deliveries({}))->items.size(), 2u);
}

TEST_P(StoreConformance, deliveries_come_newest_first_and_pages_lose_none_while_writing) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(run(store->accept(delivery(std::to_string(i)), std::nullopt)));
  std::vector<int64_t> seen;
  Page page{6, ""};
  do {
    auto l = run(store->deliveries(page));
    for (auto& d : l->items) seen.push_back(d.seq);
    page.after = l->next;
    ASSERT_TRUE(run(store->accept(delivery("more" + std::to_string(seen.size())), std::nullopt)));
  } while (!page.after.empty());
  ASSERT_EQ(seen.size(), 20u);
  EXPECT_TRUE(std::ranges::is_sorted(seen, std::greater<>()));
}

TEST_P(StoreConformance, many_writers_at_once_lose_nothing) {
  std::vector<Task<Result<Accepted>>> tasks;
  for (int i = 0; i < 1000; ++i)
    tasks.push_back(store->accept(delivery(std::to_string(i)), build(fmt::format("{:07x}", i), i)));
  std::set<int64_t> seqs;
  for (auto& r : run_all(std::move(tasks))) {
    ASSERT_TRUE(r) << r.error().str();
    seqs.insert(r->delivery.seq);
  }
  EXPECT_EQ(seqs.size(), 1000u);
  EXPECT_EQ(run(store->builds("hello", {1000, ""}))->items.size(), 1000u);
}

TEST_P(StoreConformance, what_was_written_is_read_at_once) {
  for (int i = 0; i < 30; ++i) {
    auto sha = fmt::format("{:07x}", i);
    push(sha, i);
    ASSERT_TRUE(run(store->build("hello", sha))) << i;
  }
}

TEST_P(StoreConformance, a_name_with_sql_in_it_is_only_a_name) {
  std::string evil = "x'); DROP TABLE builds; --";
  push("abcdef0", 1, evil);
  EXPECT_EQ(*run(store->projects_with_builds()), std::vector{evil});
  EXPECT_TRUE(run(store->build(evil, "abcdef0")));
}

TEST_P(StoreConformance, a_wait_that_is_given_up_ends_and_the_store_goes_on) {
  auto quick = [](Store& s, Delivery d) -> Task<Result<Accepted>> {
    co_return co_await with_deadline(s.accept(d, std::nullopt), std::chrono::milliseconds(0), "store");
  };
  for (int i = 0; i < 20; ++i) {
    auto r = run(quick(*store, delivery(std::to_string(i))));
    if (!r) EXPECT_EQ(r.error().code, ErrorCode::timeout);
  }
  EXPECT_TRUE(run(store->accept(delivery("last"), std::nullopt)));
}

}  // namespace
}  // namespace lemmy::store
