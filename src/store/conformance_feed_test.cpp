// Conformance: the feed, and those who read it.
#include "base/crypto.h"
#include "store/conformance.h"

namespace lemmy::store {
namespace {

const Target kStaging{"hello", "staging"};

FeedItem item(const std::string& id, Target target = kStaging, int64_t at = 1000) {
  FeedItem i;
  i.id = id;
  i.target = std::move(target);
  i.at = from_millis(at);
  i.kind = "lock";
  i.body = json::object{{"id", id}};
  return i;
}
Writes telling(std::vector<FeedItem> items) { return {.tell = std::move(items)}; }
std::vector<std::string> ids(const Feed& f) {
  std::vector<std::string> out;
  for (const FeedItem& i : f.items) out.push_back(i.id);
  return out;
}
std::vector<std::string> some(std::initializer_list<const char*> names) {
  return {names.begin(), names.end()};
}

// Reads on behind what it has, `limit` at once, until the last of `writers` that are still under way has
// ended.
Task<std::vector<FeedItem>> follow(Store* s, const int* writing, int limit) {
  std::vector<FeedItem> seen;
  int64_t at = 0;
  for (bool last = false;;) {
    auto more = co_await s->feed(at, limit);
    if (!more) throw std::runtime_error(more.error().str());
    for (FeedItem& i : more->items) {
      at = i.seq;
      seen.push_back(std::move(i));
    }
    if (!more->items.empty()) continue;
    if (last) co_return seen;
    last = *writing == 0;  // and once more
    co_await sleep_for(milliseconds(1));
  }
}
Task<> write_on(Store* s, Target target, std::string name, int count, int* writing) {
  for (int n = 0; n < count; ++n) {
    Writes w = telling(
        {item(fmt::format("{}/{}/a", name, n), target), item(fmt::format("{}/{}/b", name, n), target)});
    auto done = co_await s->write_all(std::move(w), {});
    if (!done) throw std::runtime_error(done.error().str());
  }
  --*writing;
}

TEST_P(StoreConformance, the_feed_tells_items_as_they_were_told) {
  auto empty = run(store->feed(0, 10));
  ASSERT_TRUE(empty) << empty.error().str();
  EXPECT_TRUE(empty->items.empty());
  EXPECT_EQ(empty->last, 0);
  FeedItem full = item("a/1 ~", kStaging, 1'790'000'000'123);
  full.number = 17;
  full.kind = "deploy-2";
  full.body = {{"text", "grüße \"x\" \u2028"}, {"n", (1ll << 53) + 1}, {"list", json::array{nullptr, 0.5}}};
  FeedItem none = item("b", {});
  none.body = {};
  ASSERT_TRUE(run(store->write_all(telling({full, none}), {})));
  auto all = run(store->feed(0, 10));
  ASSERT_TRUE(all) << all.error().str();
  ASSERT_EQ(all->items.size(), 2u);
  for (const FeedItem& i : all->items) (i.id == "b" ? none : full).seq = i.seq;
  EXPECT_GT(all->items[0].seq, 0);
  EXPECT_GT(all->items[1].seq, all->items[0].seq);
  EXPECT_EQ(all->last, all->items[1].seq);
  EXPECT_EQ(all->let_go, 0);
  EXPECT_NE(std::ranges::find(all->items, full), all->items.end());
  EXPECT_NE(std::ranges::find(all->items, none), all->items.end());
}

TEST_P(StoreConformance, what_is_told_is_told_with_the_write_or_not_at_all) {
  auto d = created();
  d.phase = Phase::preparing;
  Writes w = telling({item("changed"), item("and-locked")});
  w.change = {{d, {event("x")}}};
  w.put = {{"lock", "a", {}, 0}};
  ASSERT_TRUE(run(store->write_all(w, {})));
  EXPECT_EQ(ids(*run(store->feed(0, 10))), some({"changed", "and-locked"}));
  w.tell = {item("no")};
  EXPECT_EQ(run(store->write_all(w, {})).error().code, ErrorCode::conflict);
  w = telling({item("no")});
  w.remove = {{"lock", "b", {}, 5}};
  EXPECT_EQ(run(store->write_all(w, {})).error().code, ErrorCode::conflict);
  EXPECT_EQ(run(store->write_all(telling({item("no")}), Fence{"conductor", 1})).error().code,
            ErrorCode::forbidden);
  EXPECT_EQ(run(store->feed(0, 10))->items.size(), 2u);
}

TEST_P(StoreConformance, an_item_may_have_the_number_of_the_deploy_that_its_write_makes) {
  created();
  FeedItem i = item("made");
  i.number = kMade;
  Writes w = telling({i});
  w.make = Writes::Make{deploy(), event("a")};
  w.make->deploy.request_id = "click";
  ASSERT_TRUE(run(store->write_all(w, {})));
  EXPECT_EQ(run(store->feed(0, 10))->items.at(0).number, 2);
  w.tell[0].id = "again";
  EXPECT_TRUE(run(store->write_all(w, {}))->known);
  EXPECT_EQ(run(store->feed(0, 10))->items.size(), 1u);
  for (Writes bad : {telling({i}), telling({item("a"), item("a")}), telling({item("")}), telling({item("ü")}),
                     telling({item("a", {std::string(101, 'p'), "e"})})})
    EXPECT_EQ(run(store->write_all(bad, {})).error().code, ErrorCode::invalid);
  i = item("big");
  i.body["text"] = std::string(64 << 10, 'x');
  EXPECT_EQ(run(store->write_all(telling({i}), {})).error().code, ErrorCode::too_large);
}

TEST_P(StoreConformance, what_is_told_again_with_its_id_is_there_once) {
  for (int n = 0; n < 3; ++n) ASSERT_TRUE(run(store->write_all(telling({item("a"), item("b")}), {})));
  std::vector<Task<Result<Written>>> tasks;
  for (int n = 0; n < 10; ++n) tasks.push_back(store->write_all(telling({item("c")}), {}));
  for (auto& r : run_all(std::move(tasks))) ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(ids(*run(store->feed(0, 10))), some({"a", "b", "c"}));
}

TEST_P(StoreConformance, who_reads_on_gets_each_item_once_whatever_the_limit) {
  for (int n = 0; n < 12; ++n)
    ASSERT_TRUE(run(store->write_all(telling({item("i" + std::to_string(n))}), {})));
  for (int limit : {1, 5, 1000}) {
    std::vector<std::string> seen;
    for (int64_t at = 0;;) {
      auto more = run(store->feed(at, limit));
      ASSERT_TRUE(more) << more.error().str();
      EXPECT_LE(more->items.size(), static_cast<size_t>(limit));
      if (more->items.empty()) break;
      for (const std::string& id : ids(*more)) seen.push_back(id);
      at = more->items.back().seq;
    }
    ASSERT_EQ(seen.size(), 12u);
    for (int n = 0; n < 12; ++n) EXPECT_EQ(seen[n], "i" + std::to_string(n));
  }
}

TEST_P(StoreConformance, a_page_of_big_items_ends_early) {
  for (int n = 0; n < 200; ++n) {
    FeedItem big = item("i" + std::to_string(n));
    big.body["text"] = std::string(60 << 10, 'x');
    ASSERT_TRUE(run(store->write_all(telling({big}), {})));
  }
  auto first = run(store->feed(0, 1000));
  ASSERT_TRUE(first) << first.error().str();
  EXPECT_GT(first->items.size(), 1u);
  EXPECT_LT(first->items.size(), 200u);
  EXPECT_GT(first->last, first->items.back().seq);
  EXPECT_EQ(run(store->feed(first->items.back().seq, 1000))->items.size(), 200 - first->items.size());
}

TEST_P(StoreConformance, who_follows_the_feed_while_many_write_misses_none_and_gets_none_twice) {
  constexpr int kWriters = 8, kEach = 15;
  int writing = kWriters;
  std::vector<std::future<void>> writers;
  for (int w = 0; w < kWriters; ++w) {
    const Target target = w % 4 == 3 ? Target{} : Target{"hello", "e" + std::to_string(w % 4)};
    writers.push_back(asio::co_spawn(
        loop, write_on(store.get(), target, "w" + std::to_string(w), kEach, &writing), asio::use_future));
  }
  auto one = asio::co_spawn(loop, follow(store.get(), &writing, 3), asio::use_future);
  auto two = asio::co_spawn(loop, follow(store.get(), &writing, 100), asio::use_future);
  for (auto& w : writers) finish(std::move(w));
  auto seen = finish(std::move(one));
  EXPECT_EQ(seen, finish(std::move(two)));
  ASSERT_EQ(seen.size(), 2u * kWriters * kEach);
  std::map<std::string, std::vector<std::string>> by_writer;
  int64_t last = 0;
  for (const FeedItem& i : seen) {
    EXPECT_GT(i.seq, last);
    last = i.seq;
    by_writer[i.id.substr(0, i.id.find('/'))].push_back(i.id);
  }
  // Each wrote to one target: its items come in its order.
  for (const auto& [writer, told] : by_writer)
    for (int n = 0; n < kEach; ++n) {
      EXPECT_EQ(told.at(2 * n), fmt::format("{}/{}/a", writer, n));
      EXPECT_EQ(told.at(2 * n + 1), fmt::format("{}/{}/b", writer, n));
    }
}

TEST_P(StoreConformance, a_consumer_s_place_is_kept_and_moved_by_one_of_two) {
  Consumer c = consumer_of(*run(store->entry(kConsumer, "mail")));
  EXPECT_EQ(c, (Consumer{"mail", 0, 0}));
  c.at = 7;
  ASSERT_TRUE(run(store->write_all({.put = {entry_of(c)}}, {})));
  EXPECT_EQ(run(store->write_all({.put = {entry_of(c)}}, {})).error().code, ErrorCode::conflict);
  Consumer now = consumer_of(*run(store->entry(kConsumer, "mail")));
  EXPECT_EQ(now.at, 7);
  now.at = 9;
  // Together with what was done with the items, under the fence.
  ASSERT_TRUE(run(store->swap_lease({"news", "me", 1, 0})));
  Writes w{.put = {entry_of(now), {"sent", "mail/9", {}, 0}}};
  EXPECT_EQ(run(store->write_all(w, Fence{"news", 2})).error().code, ErrorCode::forbidden);
  ASSERT_TRUE(run(store->write_all(w, Fence{"news", 1})));
  EXPECT_EQ(consumer_of(*run(store->entry(kConsumer, "mail"))).at, 9);
  EXPECT_EQ(run(store->entries(kConsumer, "", {}))->items.size(), 1u);
}

TEST_P(StoreConformance, what_all_consumers_have_done_is_let_go_when_it_is_old) {
  for (int n = 1; n <= 6; ++n)
    ASSERT_TRUE(run(store->write_all(telling({item("i" + std::to_string(n), kStaging, n * 100)}), {})));
  auto all = run(store->feed(0, 10))->items;
  ASSERT_EQ(all.size(), 6u);
  constexpr int64_t kMany = 1'000'000;
  auto place = [&](const std::string& name, size_t of) {
    Consumer c = consumer_of(*run(store->entry(kConsumer, name)));
    c.at = all[of].seq;
    ASSERT_TRUE(run(store->write_all({.put = {entry_of(c)}}, {})));
  };
  place("slow", 1);
  place("quick", 5);
  auto trim = [&](int64_t before, int64_t keep, int limit) {
    auto gone = run(store->trim_feed(from_millis(before), keep, limit, {}));
    EXPECT_TRUE(gone) << gone.error().str();
    return gone.value_or(-1);
  };
  EXPECT_EQ(trim(100, kMany, 10), 0);
  EXPECT_EQ(trim(10'000, kMany, 1), 1);
  EXPECT_EQ(trim(10'000, kMany, 10), 1) << "the slow one has not done the third";
  EXPECT_EQ(run(store->feed(all[1].seq, 10))->let_go, all[1].seq);
  EXPECT_EQ(ids(*run(store->feed(0, 10))), some({"i3", "i4", "i5", "i6"}));
  place("slow", 4);
  EXPECT_EQ(trim(401, kMany, 10), 2);
  EXPECT_EQ(ids(*run(store->feed(0, 10))), some({"i5", "i6"}));
  // An id that is gone may come again, and gets a number behind all.
  ASSERT_TRUE(run(store->write_all(telling({item("i1"), item("i5")}), {})));
  EXPECT_EQ(ids(*run(store->feed(0, 10))), some({"i5", "i6", "i1"}));
}

TEST_P(StoreConformance, a_feed_that_grows_without_end_lets_the_oldest_go_and_says_so_to_who_was_behind) {
  for (int n = 1; n <= 9; ++n)
    ASSERT_TRUE(run(store->write_all(telling({item("i" + std::to_string(n))}), {})));
  auto all = run(store->feed(0, 10))->items;
  ASSERT_EQ(all.size(), 9u);
  ASSERT_TRUE(run(store->write_all({.put = {entry_of({"slow", all[1].seq, 0})}}, {})));
  EXPECT_EQ(*run(store->trim_feed(from_millis(0), 4, 10, {})), 5);
  auto left = run(store->feed(all[1].seq, 10));
  EXPECT_EQ(ids(*left), some({"i6", "i7", "i8", "i9"}));
  EXPECT_EQ(left->let_go, all[4].seq);
  EXPECT_GT(left->let_go, all[1].seq) << "it has missed something";
  // Nothing is left, and numbers go on all the same.
  EXPECT_EQ(*run(store->trim_feed(from_millis(0), 0, 10, {})), 4);
  auto none = run(store->feed(all[8].seq, 10));
  EXPECT_EQ(none->last, all[8].seq);
  ASSERT_TRUE(run(store->write_all(telling({item("next")}), {})));
  EXPECT_EQ(ids(*run(store->feed(all[8].seq, 10))), some({"next"}));
}

TEST_P(StoreConformance, nobody_who_lost_the_lease_lets_items_go) {
  ASSERT_TRUE(run(store->write_all(telling({item("a")}), {})));
  ASSERT_TRUE(run(store->swap_lease({"conductor", "me", 2, 0})));
  EXPECT_EQ(run(store->trim_feed(from_millis(5000), 0, 10, Fence{"conductor", 1})).error().code,
            ErrorCode::forbidden);
  EXPECT_EQ(run(store->feed(0, 10))->items.size(), 1u);
  EXPECT_EQ(*run(store->trim_feed(from_millis(5000), 0, 10, Fence{"conductor", 2})), 1);
}

}  // namespace
}  // namespace lemmy::store
