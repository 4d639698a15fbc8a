// What a server that was killed left running, and what the next one does about it.
#include "ansible/faults_test.h"

namespace lemmy::ansible {
namespace {

using Left = Faults;

TEST_F(Left, when_the_runner_is_killed_the_playbook_does_not_go_on) {
  auto p = sleeper("killed");
  auto r = run_and(p, [&] {
    EXPECT_GT(processes_of(identity(p.id)).size(), 3u);
    ::kill(identity(p.id).pid, SIGKILL);
  });
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->exit_code, 128 + SIGKILL);
  EXPECT_FALSE(progress->finished());
  EXPECT_LT(Clock::now() - started, kSleep);
  EXPECT_EQ(alive(), std::vector<std::string>{});
}

// A server of its own, which is killed while its run is under way; its ansible-runner too, when asked.
void serve_until_killed(Tools tools, std::string runs_dir, Plan p, std::string started_file,
                        bool runner_too) {
  asio::io_context own;
  Pool pool(2);
  Runs runs(own.get_executor(), &pool, tools, runs_dir);
  asio::co_spawn(own, runs.run(p, nullptr, nullptr), asio::detached);
  asio::co_spawn(own,
                 when_there(started_file,
                            [&] {
                              if (runner_too)
                                ::kill(read_identity(runs_dir + "/" + p.id + "/runner.json")->pid, SIGKILL);
                              ::kill(::getpid(), SIGKILL);
                            }),
                 asio::detached);
  own.run();
}

TEST_F(Left, the_next_server_ends_what_a_killed_one_left_and_names_it) {
  for (bool runner_too : {false, true}) {
    auto p = sleeper(runner_too ? "playbook-alone" : "orphan");
    fs::remove(started_file);
    pid_t server = ::fork();
    if (server == 0) {
      serve_until_killed(tools, root + "/runs", p, started_file, runner_too);
      ::_exit(1);
    }
    int status = 0;
    ::waitpid(server, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
    ASSERT_GE(alive().size(), 3u);
    auto ids = wait(runs().end_orphans());
    ASSERT_TRUE(ids) << ids.error().str();
    EXPECT_EQ(*ids, std::vector<std::string>{p.id});
    EXPECT_EQ(alive(), std::vector<std::string>{});
    EXPECT_FALSE(fs::exists(root + "/runs/" + p.id + "/private"));
    EXPECT_TRUE(fs::exists(root + "/runs/" + p.id + "/log.txt"));
    EXPECT_EQ(wait(runs().end_orphans()).value(), std::vector<std::string>{});
  }
}

TEST_F(Left, a_server_that_ends_kills_its_runs_and_the_next_one_knows_of_them) {
  auto p = sleeper("shutdown");
  asio::co_spawn(loop, runs().run(p, nullptr, nullptr), asio::detached);
  asio::co_spawn(loop, when_there(started_file, [&] { loop.stop(); }), asio::detached);
  loop.run();
  runs_.reset();
  EXPECT_EQ(alive(), std::vector<std::string>{});
  EXPECT_EQ(wait(runs().end_orphans()).value(), std::vector<std::string>{p.id});
}

TEST_F(Left, a_process_that_got_the_pid_of_an_old_run_is_left_alone) {
  pid_t stranger = ::fork();
  if (stranger == 0) {
    ::execlp("sleep", "sleep", "30", nullptr);
    ::_exit(127);
  }
  fs::create_directories(root + "/runs/old");
  auto boot = read_file("/proc/sys/kernel/random/boot_id");
  Identity identity{
      .pid = stranger, .start_time = 1, .boot = boot->substr(0, 36), .token = std::string(32, 'a')};
  ASSERT_TRUE(write_identity(root + "/runs/old/runner.json", identity));
  EXPECT_EQ(wait(runs().end_orphans()).value(), std::vector<std::string>{"old"});
  EXPECT_EQ(::kill(stranger, 0), 0);
  EXPECT_EQ(::waitpid(stranger, nullptr, WNOHANG), 0);
  ::kill(stranger, SIGKILL);
  ::waitpid(stranger, nullptr, 0);
}

}  // namespace
}  // namespace lemmy::ansible
