#include "live/feed.h"

#include <gtest/gtest.h>

namespace lemmy::live {
namespace {

struct Changes : testing::Test {
  asio::io_context loop;
  Feed feed;
  // Whether a signal that watches `topic` is notified by what `change` does.
  bool woken(const std::string& topic, std::function<void()> change) {
    auto signal = std::make_shared<Signal>(loop.get_executor());
    auto handle = feed.watch(topic, signal.get());
    auto future = asio::co_spawn(
        loop, [signal]() -> Task<bool> { return signal->wait(milliseconds{20}); }, asio::use_future);
    asio::post(loop, std::move(change));
    loop.restart();
    loop.run();
    return future.get();
  }
};

TEST_F(Changes, of_a_target_move_its_project_and_everything_but_nobody_else) {
  uint64_t other = feed.version("other"), sibling = feed.version("hello/production");
  uint64_t all = feed.version(""), project = feed.version("hello"), target = feed.version("hello/staging");
  uint64_t only = feed.version(Feed::kAllOnly);
  feed.changed({"hello", "staging"});
  EXPECT_GT(feed.version(""), all);
  EXPECT_GT(feed.version("hello"), project);
  EXPECT_GT(feed.version("hello/staging"), target);
  EXPECT_EQ(feed.version("other"), other);
  EXPECT_EQ(feed.version("hello/production"), sibling);
  EXPECT_EQ(feed.version(Feed::kAllOnly), only);
}

TEST_F(Changes, wake_those_who_watch_them) {
  auto of_target = [&] { feed.changed({"hello", "staging"}); };
  for (const char* topic : {"", "hello", "hello/staging"}) EXPECT_TRUE(woken(topic, of_target)) << topic;
  for (const char* topic : {"other", "hello/production", Feed::kAllOnly})
    EXPECT_FALSE(woken(topic, of_target)) << topic;
  EXPECT_FALSE(woken("hello/staging", [&] { feed.changed_project("hello"); }));
  for (const char* topic : {"", "hello", "other", Feed::kAllOnly})
    EXPECT_TRUE(woken(topic, [&] { feed.changed_all(); })) << topic;
}

TEST_F(Changes, are_not_told_to_who_has_gone) {
  auto one = std::make_unique<Signal>(loop.get_executor());
  Signal other(loop.get_executor());
  auto handle = feed.watch("hello", one.get()), stays = feed.watch("hello", &other);
  handle.reset();
  one.reset();
  feed.changed_project("hello");
  stays.reset();
  feed.changed_project("hello");
}

TEST_F(Changes, a_handle_may_outlive_the_feed) {
  Signal signal(loop.get_executor());
  Feed::Handle handle;
  {
    Feed gone;
    handle = gone.watch("hello", &signal);
  }
  handle.reset();
}

}  // namespace
}  // namespace lemmy::live
