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

TEST(All, waits_for_all_and_keeps_their_order) {
  auto three = []() -> Task<std::vector<Result<int>>> {
    std::vector<Task<Result<int>>> tasks;
    for (int i = 3; i > 0; --i)
      tasks.push_back([](int n) -> Task<Result<int>> {
        co_await sleep_for(n * 1ms);
        if (n == 2) co_return fail(ErrorCode::invalid, "two", "");
        co_return n;
      }(i));
    co_return co_await all(std::move(tasks));
  };
  auto r = run(three());
  ASSERT_EQ(r.size(), 3u);
  EXPECT_EQ(r[0], 3);
  EXPECT_EQ(r[1].error().where, "two");
  EXPECT_EQ(r[2], 1);
  EXPECT_TRUE(run(all(std::vector<Task<Result<int>>>{})).empty());
}

TEST(All, an_exception_of_one_comes_out_when_all_have_ended) {
  auto task = []() -> Task<int> {
    std::vector<Task<int>> tasks;
    tasks.push_back([]() -> Task<int> {
      throw std::runtime_error("odd");
      co_return 1;
    }());
    tasks.push_back([]() -> Task<int> { co_return 2; }());
    auto done = co_await all(std::move(tasks));
    co_return done[0];
  };
  EXPECT_THROW(run(task()), std::runtime_error);
}

TEST(Deadline, an_end_from_outside_is_told_as_such) {
  asio::io_context loop;
  Group group(loop.get_executor());
  std::optional<Result<int>> got;
  group.spawn("waiter", [](std::optional<Result<int>>* got) -> Task<> {
    co_await asio::this_coro::throw_if_cancelled(false);
    *got = co_await with_deadline(slow(60s), 60s, "x");
  }(&got));
  asio::co_spawn(
      loop,
      [&]() -> Task<> {
        co_await sleep_for(1ms);
        group.cancel();
        co_await group.join(5s);
      },
      asio::detached);
  loop.run();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->error().code, ErrorCode::cancelled);
}

TEST(Deadline, an_exception_of_the_task_comes_out) {
  auto odd = []() -> Task<Result<int>> {
    throw std::runtime_error("odd");
    co_return 1;
  };
  EXPECT_THROW(run(with_deadline(odd(), 5s, "x")), std::runtime_error);
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
