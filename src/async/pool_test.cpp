#include "async/pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace lemmy {
namespace {
using namespace std::chrono_literals;

TEST(Pool, runs_elsewhere_and_comes_back) {
  Pool pool(1);
  auto task = [&]() -> Task<bool> {
    auto here = std::this_thread::get_id();
    auto there = co_await pool.run([] { return std::this_thread::get_id(); });
    co_return here != there&& here == std::this_thread::get_id();
  };
  EXPECT_TRUE(block_on(task()));
}

TEST(Pool, work_whose_caller_gave_up_is_abandoned) {
  asio::io_context loop;
  Pool pool(1);
  std::atomic<bool> release = false;
  Clock::duration took{};
  std::optional<Result<int>> got;
  auto caller = [](Pool* pool, std::atomic<bool>* release, std::optional<Result<int>>* got,
                   Clock::duration* took) -> Task<> {
    const auto began = Clock::now();
    *got = co_await with_deadline(pool->run([release]() -> Result<int> {
      while (!*release) std::this_thread::sleep_for(1ms);
      throw std::runtime_error("nobody hears this");
    }),
                                  20ms, "work");
    *took = Clock::now() - began;
    *release = true;
  };
  spawn(loop.get_executor(), "caller", caller(&pool, &release, &got, &took));
  loop.run();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->error().code, ErrorCode::timeout);
  EXPECT_TRUE(pool.stop(10s));
}

TEST(Pool, refuses_what_comes_when_too_many_wait) {
  asio::io_context loop;
  Pool pool(1, "log-ins", 1);
  std::atomic<bool> release = false;
  std::vector<Result<int>> got;
  auto caller = [](Pool* pool, std::atomic<bool>* release, std::vector<Result<int>>* got) -> Task<> {
    auto r = co_await pool->run([release]() -> Result<int> {
      while (!*release) std::this_thread::sleep_for(1ms);
      return 1;
    });
    if (!r) *release = true;
    got->push_back(std::move(r));
  };
  for (int i = 0; i < 3; ++i) {
    spawn(loop.get_executor(), "caller", caller(&pool, &release, &got));
    loop.poll();
    while (i == 0 && pool.waiting() > 0) std::this_thread::sleep_for(1ms);  // until it is being done
  }
  loop.restart();
  loop.run();
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[0].error().code, ErrorCode::unavailable);
  EXPECT_EQ(got[0].error().where, "log-ins");
  EXPECT_TRUE(got[1] && got[2]);
}

TEST(Pool, that_hangs_does_not_hold_up_the_end) {
  auto release = std::make_shared<std::atomic<bool>>(false);
  auto began = std::make_shared<std::atomic<bool>>(false);
  asio::io_context loop;
  Pool pool(1);
  Group group(loop.get_executor());
  auto caller = [](Pool* pool, auto release, auto began) -> Task<> {
    co_await pool->run([release, began] {
      *began = true;
      while (!*release) std::this_thread::sleep_for(1ms);
      return true;
    });
  };
  group.spawn("caller", caller(&pool, release, began));
  loop.poll();
  while (!*began) std::this_thread::sleep_for(1ms);
  group.cancel();
  loop.restart();
  loop.run();
  EXPECT_EQ(group.size(), 0u);
  EXPECT_FALSE(pool.stop(10ms));
  *release = true;
}

}  // namespace
}  // namespace lemmy
