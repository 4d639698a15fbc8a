// The keeper and the feed, with a real store.
#include <fstream>

#include "retention/keeping_test.h"

namespace lemmy::retention {
namespace {

struct KeepingFeed : Keeping {
  KeepingFeed() { limit(1h, 1'000'000); }
  void limit(std::optional<milliseconds> age, std::optional<int> most) {
    auto c = std::make_shared<config::Config>();
    c->retention.feed_for = age;
    c->retention.feed_most = most;
    config = c;
  }
  void tell(int from, int to, milliseconds ago) {
    for (int n = from; n <= to; ++n) {
      store::FeedItem i;
      i.id = "i" + std::to_string(n);
      i.target = kTarget;
      i.number = n;
      i.at = now() - ago;
      i.kind = "deploys";
      i.body = json::object{{"what", "live"}};
      ASSERT_TRUE(run(store->write_all({.tell = {i}}, {})));
    }
  }
  std::vector<int64_t> left() {
    std::vector<int64_t> out;
    for (const auto& i : run(store->feed(0, 1000))->items) out.push_back(i.number);
    return out;
  }
  std::vector<int64_t> archived_items() const {
    std::vector<int64_t> out;
    for (const json::object& o : lines("feed")) out.push_back(int_or(o.at("item").as_object(), "number"));
    return out;
  }
  void place(int64_t number) {
    store::Consumer c = store::consumer_of(*run(store->entry(store::kConsumer, "mail")));
    c.at = number == 0 ? 0 : run(store->feed(0, 1000))->items.at(static_cast<size_t>(number - 1)).seq;
    ASSERT_TRUE(run(store->write_all({.put = {store::entry_of(c)}}, {})));
  }
};

TEST_F(KeepingFeed, what_is_old_is_archived_and_then_gone) {
  tell(1, 250, 2h);
  tell(251, 253, 30min);
  auto done = run(keeper->round({}));
  ASSERT_TRUE(done) << done.error().str();
  EXPECT_EQ(left(), (Numbers{251, 252, 253}));
  auto in_archive = archived_items();
  ASSERT_EQ(in_archive.size(), 250u);
  for (int64_t n = 1; n <= 250; ++n) EXPECT_EQ(in_archive[static_cast<size_t>(n - 1)], n);
  EXPECT_EQ(text_or(lines("feed")[0].at("item").as_object().at("body").as_object(), "what"), "live");
  EXPECT_EQ(keeper->gone().feed, 250);
  ASSERT_TRUE(run(keeper->round({})));
  EXPECT_EQ(archived_items().size(), 250u);
}

TEST_F(KeepingFeed, what_a_consumer_has_not_done_stays_and_is_not_archived_again_and_again) {
  tell(1, 6, 2h);
  place(2);
  for (int looks = 0; looks < 3; ++looks) ASSERT_TRUE(run(keeper->round({})));
  EXPECT_EQ(left(), (Numbers{3, 4, 5, 6}));
  EXPECT_EQ(archived_items(), (Numbers{1, 2}));
}

TEST_F(KeepingFeed, the_oldest_of_too_many_goes_though_it_is_young_and_not_done) {
  tell(1, 6, 1min);
  place(0);
  limit(1h, 4);
  ASSERT_TRUE(run(keeper->round({})));
  EXPECT_EQ(left(), (Numbers{3, 4, 5, 6}));
  EXPECT_EQ(archived_items(), (Numbers{1, 2}));
  limit(std::nullopt, std::nullopt);
  tell(7, 9, 10h);
  ASSERT_TRUE(run(keeper->round({})));
  EXPECT_EQ(left().size(), 7u);
}

TEST_F(KeepingFeed, nothing_goes_while_the_archive_cannot_be_written_and_without_one_all_the_same) {
  tell(1, 4, 2h);
  std::ofstream(folder) << "a file in its place";
  EXPECT_FALSE(run(keeper->round({})));
  EXPECT_EQ(left().size(), 4u);
  run(stop());
  keeper = make("");
  ASSERT_TRUE(run(keeper->round({})));
  EXPECT_EQ(left().size(), 0u);
}

TEST_F(KeepingFeed, who_leads_no_more_lets_nothing_of_it_go) {
  tell(1, 4, 2h);
  ASSERT_TRUE(run(store->swap_lease({"conductor", "me", 2, 0})));
  EXPECT_EQ(run(keeper->round({"conductor", 1})).error().code, ErrorCode::forbidden);
  EXPECT_EQ(left().size(), 4u);
  ASSERT_TRUE(run(keeper->round({"conductor", 2})));
  EXPECT_EQ(left().size(), 0u);
}

}  // namespace
}  // namespace lemmy::retention
