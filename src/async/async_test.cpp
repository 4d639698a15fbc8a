#include <gtest/gtest.h>

#include "async/subprocess.h"
#include "async/task.h"

namespace lemmy {
namespace {
using namespace std::chrono_literals;

template <class T>
T run(Task<T> task) {
  asio::io_context loop;
  auto result = asio::co_spawn(loop, std::move(task), asio::use_future);
  loop.run();
  return result.get();
}

Task<Result<int>> slow(std::chrono::milliseconds d) {
  co_await sleep_for(d);
  co_return 7;
}

TEST(Deadline, gives_the_result_when_it_comes_in_time) {
  EXPECT_EQ(*run(with_deadline(slow(1ms), 5s, "x")), 7);
}

TEST(Deadline, gives_a_timeout_that_names_the_place) {
  auto r = run(with_deadline(slow(60s), 10ms, "cluster a"));
  EXPECT_EQ(r.error().code, ErrorCode::timeout);
  EXPECT_EQ(r.error().where, "cluster a");
}

TEST(Pool, runs_elsewhere_and_comes_back) {
  Pool pool(1);
  auto task = [&]() -> Task<bool> {
    auto here = std::this_thread::get_id();
    auto there = co_await pool.run([] { return std::this_thread::get_id(); });
    co_return here != there&& here == std::this_thread::get_id();
  };
  EXPECT_TRUE(run(task()));
}

TEST(Signal, wakes_every_waiter_and_times_out_alone) {
  asio::io_context loop;
  Signal signal(loop.get_executor());
  int woken = 0;
  bool lonely = true;
  for (int i = 0; i < 3; ++i)
    asio::co_spawn(
        loop,
        [&]() -> Task<> {
          bool notified = co_await signal.wait(10s);
          woken += notified;
        },
        asio::detached);
  asio::co_spawn(
      loop,
      [&]() -> Task<> {
        co_await sleep_for(5ms);
        signal.notify();
        co_await sleep_for(5ms);
        lonely = co_await signal.wait(5ms);
      },
      asio::detached);
  loop.run();
  EXPECT_EQ(woken, 3);
  EXPECT_FALSE(lonely);
}

TEST(Group, cancels_and_joins_what_it_spawned) {
  asio::io_context loop;
  Group group(loop.get_executor());
  bool ended = false, joined = false;
  group.spawn("sleeper", []() -> Task<> { co_await sleep_for(60s); }());
  asio::co_spawn(
      loop,
      [&]() -> Task<> {
        co_await sleep_for(1ms);
        group.cancel();
        joined = co_await group.join(5s);
        ended = group.size() == 0;
      },
      asio::detached);
  loop.run();
  EXPECT_TRUE(joined && ended);
}

TEST(Subprocess, gives_exit_code_and_output) {
  auto r =
      run_process({"sh", "-c", "echo $GREETING; echo oops >&2; exit 3"}, {{"GREETING", "hello"}}, "", 10s);
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->exit_code, 3);
  EXPECT_EQ(r->out, "hello\n");
  EXPECT_EQ(r->err, "oops\n");
}

TEST(Subprocess, is_killed_at_its_deadline_with_its_children) {
  EXPECT_EQ(run_process({"sh", "-c", "sleep 60 & wait"}, {}, "", 50ms).error().code, ErrorCode::timeout);
}

TEST(Subprocess, that_does_not_exist_or_prints_too_much_is_an_error) {
  EXPECT_EQ(run_process({"no-such-program-here"}, {}, "", 1s).error().code, ErrorCode::not_found);
  EXPECT_EQ(run_process({"yes"}, {}, "", 10s, 1000).error().code, ErrorCode::too_large);
}

}  // namespace
}  // namespace lemmy
