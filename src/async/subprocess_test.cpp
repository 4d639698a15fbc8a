#include "async/subprocess.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "async/child.h"

namespace lemmy {
namespace {
using namespace std::chrono_literals;

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
  auto r = run_process({{"sh", "-c", "setsid sleep 60 & echo done"}, {}, "", 50s});
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->out, "done\n");
  EXPECT_LT(Clock::now() - began, 50s);
}

TEST(Subprocess, gets_no_secret_of_ours) {
  for (const char* name : {"LEMMY_TEST_SECRET", "PGPASSWORD", "PGPASSFILE", "GOOGLE_APPLICATION_CREDENTIALS",
                           "LEMMY_TOKEN", "LEMMY_HOOK_SECRET"})
    ::setenv(name, "hidden", 1);
  keep_from_children({"LEMMY_TEST_SECRET"});
  auto r = run_process({{"sh", "-c", "env"}, {}, "", 10s});
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->out.find("hidden"), std::string::npos);
  EXPECT_NE(r->out.find("PATH="), std::string::npos);
}

TEST(Subprocess, gets_what_is_granted_whatever_else_is_said_of_it) {
  ::setenv("PGPASSFILE", "hidden", 1);
  ::setenv("LEMMY_CHILD_PGPASSFILE", "granted", 1);
  ::setenv("LEMMY_CHILD_LANG", "xx", 1);
  ::setenv("LANG", "yy", 1);
  ::setenv("LEMMY_CHILD_ADDED", "ours", 1);
  auto r = run_process({{"sh", "-c", "echo $PGPASSFILE $LANG $ADDED; env | grep -c LEMMY_CHILD"},
                        {{"ADDED", "the caller's"}},
                        "",
                        10s});
  for (const char* name : {"LEMMY_CHILD_PGPASSFILE", "LEMMY_CHILD_LANG", "LEMMY_CHILD_ADDED"})
    ::unsetenv(name);
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->out, "granted xx the caller's\n0\n");
}

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

}  // namespace
}  // namespace lemmy
