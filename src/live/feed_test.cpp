#include "live/feed.h"

#include <gtest/gtest.h>

namespace lemmy::live {
namespace {

struct Changes : testing::Test {
  asio::io_context loop;
  Feed feed{loop.get_executor()};
  bool wait(std::string topic, uint64_t since) {
    auto future = asio::co_spawn(loop, feed.wait(topic, since, milliseconds{20}), asio::use_future);
    loop.restart();
    loop.run();
    return future.get();
  }
};

TEST_F(Changes, of_a_target_move_its_project_and_everything_but_nobody_else) {
  uint64_t other = feed.version("other"), sibling = feed.version("hello/production");
  uint64_t all = feed.version(""), project = feed.version("hello"), target = feed.version("hello/staging");
  feed.changed({"hello", "staging"});
  EXPECT_GT(feed.version(""), all);
  EXPECT_GT(feed.version("hello"), project);
  EXPECT_GT(feed.version("hello/staging"), target);
  EXPECT_EQ(feed.version("other"), other);
  EXPECT_EQ(feed.version("hello/production"), sibling);
}

TEST_F(Changes, that_came_before_the_wait_are_not_missed) {
  uint64_t seen = feed.version("hello");
  feed.changed({"hello", "staging"});
  EXPECT_TRUE(wait("hello", seen));
  EXPECT_FALSE(wait("hello", feed.version("hello")));
}

TEST_F(Changes, wake_those_who_wait) {
  bool woken = false;
  asio::co_spawn(loop, feed.wait("", feed.version(""), seconds{5}),
                 [&](std::exception_ptr, bool w) { woken = w; });
  asio::post(loop, [&] { feed.changed_all(); });
  loop.run();
  EXPECT_TRUE(woken);
}

TEST_F(Changes, have_ids_that_another_boot_does_not_take_for_its_own) {
  feed.changed_all();
  EXPECT_EQ(feed.version_of(feed.id(feed.version(""))), feed.version(""));
  Feed other(loop.get_executor());
  EXPECT_EQ(other.version_of(feed.id(1)), 0u);
  EXPECT_EQ(feed.version_of("nonsense"), 0u);
  EXPECT_EQ(feed.version_of(feed.id(999'999)), 0u) << "from the future";
}

}  // namespace
}  // namespace lemmy::live
