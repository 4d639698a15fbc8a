#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "async/child.h"
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
      run_process({{"sh", "-c", "echo $GREETING; echo oops >&2; exit 3"}, {{"GREETING", "hello"}}, "", 10s});
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->exit_code, 3);
  EXPECT_EQ(r->out, "hello\n");
  EXPECT_EQ(r->err, "oops\n");
}

TEST(Subprocess, is_killed_at_its_deadline_with_its_children) {
  EXPECT_EQ(run_process({{"sh", "-c", "sleep 60 & wait"}, {}, "", 50ms}).error().code, ErrorCode::timeout);
}

TEST(Subprocess, that_does_not_exist_or_prints_too_much_is_an_error) {
  EXPECT_EQ(run_process({{"no-such-program-here"}, {}, "", 1s}).error().code, ErrorCode::not_found);
  EXPECT_EQ(run_process({{"yes"}, {}, "", 10s, 1000}).error().code, ErrorCode::too_large);
}

TEST(Subprocess, that_closes_its_output_is_still_held_to_its_deadline) {
  auto r = run_process({{"sh", "-c", "exec >/dev/null 2>&1; sleep 60"}, {}, "", 100ms});
  EXPECT_EQ(r.error().code, ErrorCode::timeout);
}

TEST(Subprocess, that_leaves_something_running_behind_is_not_waited_for) {
  const auto began = Clock::now();
  auto r = run_process({{"sh", "-c", "setsid sleep 5 & echo done"}, {}, "", 4s});
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->out, "done\n");
  EXPECT_LT(Clock::now() - began, 4s);
}

TEST(Subprocess, gets_no_secret_of_ours) {
  ::setenv("LEMMY_TEST_SECRET", "hidden", 1);
  ::setenv("PGPASSWORD", "hidden", 1);
  keep_from_children({"LEMMY_TEST_SECRET"});
  auto r = run_process({{"sh", "-c", "env"}, {}, "", 10s});
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->out.find("hidden"), std::string::npos);
  EXPECT_NE(r->out.find("PATH="), std::string::npos);
}

// A credential plugin that took longer than its caller's patience ended the whole server.
TEST(Subprocess, whose_caller_gave_up_is_killed_and_ends_nothing_else) {
  asio::io_context loop;
  Pool pool(1);
  std::optional<Result<ProcessOutput>> got;
  const std::string mark = "LEMMY_TEST_MARK=" + std::to_string(::getpid());
  auto caller = [](Pool* pool, std::string mark, std::optional<Result<ProcessOutput>>* got) -> Task<> {
    Program program;
    program.argv = {"sh", "-c", "sleep 60 & wait", mark};
    *got = co_await with_deadline(run_program(pool, std::move(program)), 100ms, "plugin");
  };
  spawn(loop.get_executor(), "caller", caller(&pool, mark, &got));
  loop.run();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->error().code, ErrorCode::timeout);
  EXPECT_TRUE(running_coroutines().empty());
  auto left = run_process({{"pgrep", "-f", mark}, {}, "", 10s});
  EXPECT_EQ(left->out, "");
}

TEST(Child, that_is_refused_before_it_begins_never_does) {
  auto marker = std::filesystem::temp_directory_path() / ("lemmy-child-" + std::to_string(::getpid()));
  ChildOptions o{{"touch", marker.string()}, child_environment({}), ""};
  auto refused =
      start_child(o, [](pid_t) -> Result<> { return fail(ErrorCode::unavailable, "disk", "full"); });
  EXPECT_EQ(refused.error().what, "full");
  EXPECT_FALSE(std::filesystem::exists(marker));
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

TEST(Slots, let_so_many_in_and_the_others_in_their_order) {
  asio::io_context loop;
  Slots slots(loop.get_executor(), 2);
  int inside = 0, most = 0;
  std::vector<int> order;
  auto one = [](Slots* slots, int* inside, int* most, std::vector<int>* order, int n) -> Task<> {
    auto place = co_await slots->take();
    order->push_back(n);
    *most = std::max(*most, ++*inside);
    co_await sleep_for(2ms);
    --*inside;
  };
  for (int i = 0; i < 6; ++i) spawn(loop.get_executor(), "one", one(&slots, &inside, &most, &order, i));
  loop.run();
  EXPECT_EQ(most, 2);
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5}));
}

TEST(Slots, whoever_gives_up_leaves_the_line) {
  asio::io_context loop;
  Slots slots(loop.get_executor(), 1);
  std::vector<int> order;
  auto take = [](Slots* slots, std::vector<int>* order, int n, std::chrono::milliseconds hold) -> Task<> {
    auto place = co_await slots->take();
    order->push_back(n);
    co_await sleep_for(hold);
  };
  Group impatient(loop.get_executor());
  spawn(loop.get_executor(), "holder", take(&slots, &order, 0, 20ms));
  impatient.spawn("gives up", take(&slots, &order, 1, 0ms));
  spawn(loop.get_executor(), "next", take(&slots, &order, 2, 0ms));
  loop.poll();
  impatient.cancel();
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{0, 2}));
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
