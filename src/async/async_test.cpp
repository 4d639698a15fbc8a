#include <gtest/gtest.h>

#include "async/race.h"

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

TEST(Race, the_first_to_end_ends_the_other_and_what_the_other_throws_then_stays_inside) {
  bool other_ended = false;
  auto forever = [](bool* ended) -> Task<> {
    struct Note {
      bool* ended;
      ~Note() { *ended = true; }
    } note{ended};
    co_await sleep_for(60s);
  };
  auto soon = []() -> Task<> { co_await sleep_for(1ms); };
  auto at_once = []() -> Task<> { co_return; };
  EXPECT_EQ(run(race(soon(), forever(&other_ended))), 0u);
  EXPECT_TRUE(std::exchange(other_ended, false));
  EXPECT_EQ(run(race(forever(&other_ended), soon())), 1u);
  EXPECT_TRUE(std::exchange(other_ended, false));
  EXPECT_EQ(run(race(at_once(), forever(&other_ended))), 0u);
  EXPECT_TRUE(other_ended);
  EXPECT_LE(run(race(at_once(), at_once())), 1u);
}

TEST(Race, an_exception_of_the_first_comes_out) {
  auto bad = []() -> Task<> {
    co_await sleep_for(1ms);
    throw std::runtime_error("odd");
  };
  auto forever = []() -> Task<> { co_await sleep_for(60s); };
  EXPECT_THROW(run(race(bad(), forever())), std::runtime_error);
  EXPECT_THROW(run(race(forever(), bad())), std::runtime_error);
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

// Asio's entry point throws out of the loop for each of these.
TEST(Group, a_coroutine_that_cancels_itself_and_ends_does_not_end_the_process) {
  asio::io_context loop;
  Group group(loop.get_executor());
  auto suicidal = [](Group* g) -> Task<> {
    g->cancel();
    co_return;
  };
  group.spawn("suicidal", suicidal(&group));
  EXPECT_NO_THROW(loop.run());
  EXPECT_EQ(group.size(), 0u);
}

TEST(Group, a_coroutine_that_was_cancelled_before_it_began_does_not_end_the_process) {
  asio::io_context loop;
  Group group(loop.get_executor());
  bool ran = false;
  group.spawn("late", [](bool* ran) -> Task<> {
    *ran = true;
    co_await sleep_for(60s);
  }(&ran));
  group.cancel();
  EXPECT_NO_THROW(loop.run());
  EXPECT_FALSE(ran);
  EXPECT_EQ(group.size(), 0u);
}

TEST(Spawn, knows_what_runs_until_its_frame_is_gone) {
  {
    asio::io_context loop;
    spawn(loop.get_executor(), "sleeper", sleep_for(60s));
    loop.poll();
    EXPECT_EQ(running_coroutines(), std::vector<std::string>{"sleeper"});
  }
  EXPECT_TRUE(running_coroutines().empty());
}

}  // namespace
}  // namespace lemmy
