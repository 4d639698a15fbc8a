#include "live/channels.h"

#include <gtest/gtest.h>

namespace lemmy::live {
namespace {

using Texts = Channels<std::string>;

struct Viewers : testing::Test {
  struct Viewer {
    explicit Viewer(asio::any_io_executor loop) : news(loop) {}
    Signal news;
    Texts::Watch watch;
    std::vector<std::string> seen;
    int told = 0;
    bool ended = false;
  };
  // Watches until `loop` ends, as a stream does.
  std::shared_ptr<Viewer> view(const std::string& key = "k",
                               Pace pace = {milliseconds{1}, 100, milliseconds{0}}) {
    auto viewer = std::make_shared<Viewer>(loop.get_executor());
    auto watch = channels.watch(source(key, pace), &viewer->news, nullptr);
    if (!watch) throw std::runtime_error(watch.error().str());
    viewer->watch = std::move(*watch);
    asio::co_spawn(loop, follow(viewer), asio::detached);
    return viewer;
  }
  static Task<> follow(std::shared_ptr<Viewer> v) {
    while (!v->ended) {
      const auto newest = v->watch.newest();
      if (newest && (v->seen.empty() || v->seen.back() != *newest)) v->seen.push_back(*newest);
      (void)co_await v->news.wait(milliseconds{1000});
      ++v->told;
    }
    v->watch = {};
  }
  Texts::Source source(const std::string& key, Pace pace) {
    return {key, "topic", pace, [this](Texts::Newest before) -> Task<Result<Texts::Newest>> {
              ++made;
              co_await sleep_for(milliseconds{2});
              if (throws) throw std::runtime_error("oops");
              if (broken) co_return fail(ErrorCode::unavailable, "store", "away");
              if (before && *before == text) co_return before;
              co_return std::make_shared<const std::string>(text);
            }};
  }
  void run(int ms) {
    loop.restart();
    loop.run_for(milliseconds{ms});
  }
  void change(const std::string& to) {
    text = to;
    feed.changed_project("topic");
  }
  asio::io_context loop;
  Feed feed;
  Texts channels{loop.get_executor(), &feed};
  std::string text = "one";
  int made = 0;
  bool broken = false, throws = false;
};

TEST_F(Viewers, of_the_same_thing_share_what_is_made_once) {
  auto a = view(), b = view();
  run(30);
  EXPECT_EQ(made, 1);
  EXPECT_EQ(a->seen, std::vector<std::string>{"one"});
  EXPECT_EQ(a->watch.newest(), b->watch.newest());
  change("two");
  run(30);
  EXPECT_EQ(made, 2);
  EXPECT_EQ(b->seen, (std::vector<std::string>{"one", "two"}));
}

TEST_F(Viewers, are_not_told_when_nothing_differs) {
  auto a = view();
  run(30);
  const int told = a->told;
  for (int i = 0; i < 5; ++i) {
    feed.changed_project("topic");
    run(10);
  }
  EXPECT_GE(made, 3);
  EXPECT_EQ(a->told, told);
}

TEST_F(Viewers, that_come_later_wait_for_one_that_is_as_new_as_they_are) {
  auto a = view("k", {milliseconds{40}, 1, milliseconds{0}});
  run(10);
  change("two");
  auto b = view("k", {milliseconds{40}, 1, milliseconds{0}});
  EXPECT_EQ(b->watch.newest(), nullptr);
  run(100);
  EXPECT_EQ(b->seen, std::vector<std::string>{"two"});
}

TEST_F(Viewers, that_come_later_are_told_also_when_nothing_differs) {
  auto a = view("k", {milliseconds{40}, 1, milliseconds{0}});
  run(10);
  feed.changed_project("topic");
  auto b = view("k", {milliseconds{40}, 1, milliseconds{0}});
  EXPECT_EQ(b->watch.newest(), nullptr);
  run(100);
  EXPECT_EQ(b->seen, std::vector<std::string>{"one"});
}

TEST_F(Viewers, of_what_never_rests_see_the_newest_at_its_pace) {
  auto a = view("k", {milliseconds{3'600'000}, 3, milliseconds{0}});
  run(10);
  for (int i = 0; i < 10; ++i) {
    change(std::to_string(i));
    run(10);
  }
  EXPECT_EQ(made, 3) << "after a quiet time some come at once, then none for the hour";
}

TEST_F(Viewers, are_shown_a_change_soon_after_one_that_made_no_difference) {
  auto a = view("k", {milliseconds{3'600'000}, 2, milliseconds{0}, milliseconds{1}});
  run(10);
  for (const char* text : {"one", "one", "two", "three"}) {
    change(text);
    run(10);
  }
  EXPECT_EQ(made, 4) << "what was shown counts, what made no difference hardly";
  EXPECT_EQ(a->seen, (std::vector<std::string>{"one", "two"}));
}

TEST_F(Viewers, nothing_is_made_for_nobody) {
  auto a = view();
  run(30);
  a->ended = true;
  a->news.notify();
  run(10);
  change("two");
  run(10);
  EXPECT_EQ(made, 1);
  auto b = view();
  run(30);
  EXPECT_EQ(b->seen, std::vector<std::string>{"two"});
  EXPECT_EQ(channels.size(), 1u);
}

TEST_F(Viewers, are_told_of_trouble_once_and_of_its_end) {
  broken = true;
  auto a = view();
  run(30);
  ASSERT_TRUE(a->watch.trouble());
  EXPECT_EQ(a->watch.trouble()->what, "away");
  const int told = a->told;
  feed.changed_project("topic");
  run(30);
  EXPECT_EQ(made, 2);
  EXPECT_EQ(a->told, told);
  broken = false;
  run(1200);
  EXPECT_EQ(made, 3) << "it is tried again by itself";
  EXPECT_FALSE(a->watch.trouble());
  EXPECT_EQ(a->seen, std::vector<std::string>{"one"});
}

TEST_F(Viewers, an_exception_is_trouble_and_does_not_end_it) {
  throws = true;
  auto a = view();
  run(30);
  ASSERT_TRUE(a->watch.trouble());
  EXPECT_EQ(a->watch.trouble()->code, ErrorCode::internal);
  throws = false;
  change("two");
  run(30);
  EXPECT_EQ(a->seen, std::vector<std::string>{"two"});
}

TEST_F(Viewers, of_too_many_things_are_refused) {
  std::vector<std::shared_ptr<Viewer>> many;
  for (int i = 0; i < 1024; ++i) many.push_back(view(std::to_string(i)));
  Signal news(loop.get_executor());
  EXPECT_FALSE(channels.watch(source("one more", {}), &news, nullptr));
  EXPECT_TRUE(channels.watch(source("7", {}), &news, nullptr)) << "that is watched already";
  run(200);
  many[3]->ended = true;
  many[3]->news.notify();
  bool taken = false;
  for (int i = 0; i < 100 && !taken; ++i) {
    run(50);
    taken = channels.watch(source("one more", {}), &news, nullptr).has_value();
  }
  EXPECT_TRUE(taken);
  for (auto& v : many) v->ended = true, v->news.notify();
  run(50);
}

}  // namespace
}  // namespace lemmy::live
