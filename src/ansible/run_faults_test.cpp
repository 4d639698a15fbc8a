#include "ansible/faults_test.h"
#include "ansible/process.h"

namespace lemmy::ansible {
namespace {

TEST_F(Faults, a_cancelled_run_ends_soon_and_leaves_no_process) {
  auto p = sleeper("cancelled");
  auto r = run_and(p, [&] { runs().cancel(p.id); });
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_TRUE(r->cancelled);
  EXPECT_FALSE(r->timed_out);
  EXPECT_LT(Clock::now() - started, kSleep);
  EXPECT_EQ(alive(), std::vector<std::string>{});
  EXPECT_NE(log(p.id).find("User interrupted execution"), std::string::npos) << log(p.id);
  EXPECT_FALSE(fs::exists(root + "/runs/" + p.id + "/runner.json"));
}

TEST_F(Faults, a_playbook_that_somebody_kills_is_no_success_on_any_host) {
  for (int signal : {SIGKILL, SIGTERM}) {
    fs::remove(started_file);
    auto p = sleeper("killed-" + std::to_string(signal));
    auto r = run_and(p, [&] {
      for (pid_t pid : processes_of(identity(p.id))) {
        auto command = read_file("/proc/" + std::to_string(pid) + "/cmdline", 1 << 20).value_or("");
        if (command.contains("ansible-playbook") && !command.contains("ansible-runner")) ::kill(pid, signal);
      }
    });
    ASSERT_TRUE(r) << r.error().str();
    EXPECT_FALSE(r->finished);
    EXPECT_NE(r->exit_code, 0);
    EXPECT_FALSE(host("one").complete);
  }
}

TEST_F(Faults, a_question_that_nobody_can_answer_is_not_asked) {
  auto p = plan("asks", "    - {name: Wait, pause: {prompt: Go on}}\n    - {name: After, ping: }\n", "one");
  const std::string play = read_file(tree + "/playbooks/asks.yml").value();
  put("playbooks/asks.yml", "- hosts: all\n  vars_prompt: [{name: sure, prompt: Are you sure}]\n" +
                                play.substr(play.find("  gather_facts")));
  auto r = run(p);
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_FALSE(r->timed_out);
  EXPECT_TRUE(r->finished);
  EXPECT_NE(log(p.id).find("Not prompting"), std::string::npos) << log(p.id);
}

TEST_F(Faults, a_run_that_says_nothing_for_too_long_is_ended) {
  auto p = sleeper("silent");
  p.silence = 8s;  // longer than a slow machine needs to the first task
  auto r = run_and(p, [] {});
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_TRUE(r->timed_out && r->silent);
  EXPECT_FALSE(r->finished);
  EXPECT_EQ(progress->task(), "Sleep");
}

TEST_F(Faults, what_a_task_started_is_killed_when_it_is_deaf_for_the_interrupt) {
  auto p = sleeper("deaf", "60", "trap '' INT; ");
  auto r = run_and(p, [&] { runs().cancel(p.id); });
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_TRUE(r->cancelled);
  EXPECT_LT(Clock::now() - started, kSleep);
  EXPECT_EQ(alive(), std::vector<std::string>{});
}

TEST_F(Faults, a_service_that_a_playbook_starts_on_this_machine_runs_on) {
  auto p = plan("service",
                "    - shell: '" + root + "/sleep 60 >/dev/null 2>&1 & echo $! > " + root + "/pid'\n", "one");
  auto r = run(p);
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(alive().size(), 1u);
  ::kill(std::atoi(read_file(root + "/pid").value_or("0").c_str()), SIGKILL);
}

TEST_F(Faults, a_playbook_that_does_not_end_is_killed_after_ten_seconds) {
  auto p = sleeper("stopped");
  auto r = run_and(p, [&] {
    Identity first = identity(p.id);
    for (pid_t pid : processes_of(first))
      if (pid != first.pid) ::kill(pid, SIGSTOP);
    runs().cancel(p.id);
  });
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_TRUE(r->cancelled);
  EXPECT_GT(Clock::now() - started, 10s);
  EXPECT_LT(Clock::now() - started, kSleep);
  EXPECT_EQ(alive(), std::vector<std::string>{});
}

TEST_F(Faults, a_run_that_takes_longer_than_its_limit_is_ended) {
  auto p = sleeper("late");
  p.limit = 2500ms;
  auto r = run_and(p, [] {});
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_TRUE(r->timed_out && !r->silent);
  EXPECT_FALSE(r->cancelled);
  EXPECT_LT(Clock::now() - started, kSleep);
  EXPECT_EQ(alive(), std::vector<std::string>{});
}

TEST_F(Faults, cancelling_the_coroutine_that_waits_cancels_the_run) {
  auto p = sleeper("dropped");
  Group group(loop.get_executor());
  bool returned = false;
  auto outcome = std::make_shared<Outcome>();
  auto body = [](Runs* runs, Plan p, bool* returned, std::shared_ptr<Outcome> outcome) -> Task<> {
    auto r = co_await runs->run(p, nullptr, nullptr);
    if (r) *outcome = *r;
    *returned = true;
  };
  group.spawn("run", body(&runs(), p, &returned, outcome));
  asio::co_spawn(loop, when_there(started_file, [&] { group.cancel(); }), asio::detached);
  loop.run();
  EXPECT_TRUE(returned);
  EXPECT_TRUE(outcome->cancelled);
  EXPECT_EQ(alive(), std::vector<std::string>{});
}

TEST_F(Faults, the_loop_stays_free_while_a_run_prints_much) {
  auto p = plan("much", "    - {command: seq 1 40000}\n    - {command: seq 1 40000}\n", "one:two:three");
  // Of the processor, which others do not take away as they do the time.
  const auto used = [] {
    timespec t;
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
  };
  auto longest = std::chrono::nanoseconds::zero();
  bool done = false;
  auto ticker = [used](std::chrono::nanoseconds* longest, bool* done) -> Task<> {
    for (auto last = used(); !*done; last = used()) {
      co_await sleep_for(5ms);
      *longest = std::max(*longest, used() - last);
    }
  };
  asio::co_spawn(loop, ticker(&longest, &done), asio::detached);
  progress = std::make_shared<Progress>();
  auto body = [](Runs* runs, Plan p, std::shared_ptr<Progress> progress,
                 bool* done) -> Task<Result<Outcome>> {
    auto r = co_await runs->run(p, progress, nullptr);
    *done = true;
    co_return r;
  };
  auto r = wait(body(&runs(), p, progress, &done));
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->exit_code, 0);
  EXPECT_LT(longest, 400ms);  // some 10 ms without sanitizers
  RecordProperty("longest_ms", static_cast<int>(longest / 1ms));
}

TEST_F(Faults, a_second_run_of_an_id_waits_for_nobody_and_one_after_it_begins_anew) {
  auto p = sleeper("twice", "0.5");
  Result<Outcome> second = Outcome{};
  auto other = [](Runs* runs, Plan p, Result<Outcome>* second) -> Task<> {
    *second = co_await runs->run(p, nullptr, nullptr);
  };
  auto r = run_and(p, [&] { asio::co_spawn(loop, other(&runs(), p, &second), asio::detached); });
  ASSERT_TRUE(r) << r.error().str();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::conflict);
  ASSERT_TRUE(run(p));
  std::string text = log(p.id);
  EXPECT_EQ(text.find("PLAY RECAP"), text.rfind("PLAY RECAP"));
}

TEST_F(Faults, a_cancel_that_comes_before_the_run_has_begun_is_not_lost) {
  auto p = sleeper("early");
  started = Clock::now();
  Result<Outcome> r = Outcome{};
  auto body = [](Runs* runs, Plan p, Result<Outcome>* out) -> Task<> {
    *out = co_await runs->run(p, nullptr, nullptr);
  };
  asio::co_spawn(loop, body(&runs(), p, &r), asio::detached);
  asio::post(loop, [&] { runs().cancel(p.id); });
  loop.restart();
  loop.run();
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_TRUE(r->cancelled);
  EXPECT_LT(Clock::now() - started, kSleep);
  EXPECT_EQ(alive(), std::vector<std::string>{});
}

TEST_F(Faults, a_run_never_begins_when_who_runs_it_cannot_be_written) {
  auto r = start_process({"touch", root + "/began"}, {}, root, root + "/nowhere/runner.json");
  EXPECT_FALSE(r);
  EXPECT_FALSE(fs::exists(root + "/began"));
}

TEST_F(Faults, what_the_user_chose_in_ansible_cfg_stays) {
  auto env = ansible_environment(tools, tree, root + "/runs/.ansible");
  EXPECT_EQ(env["ANSIBLE_HOST_KEY_CHECKING"], "False");
  EXPECT_EQ(env["ANSIBLE_PIPELINING"], "1");
  put("ansible.cfg", "[defaults]\nroles_path = elsewhere\n[ssh_connection]\npipelining = no\n");
  env = ansible_environment(tools, tree, root + "/runs/.ansible");
  EXPECT_EQ(env["ANSIBLE_HOST_KEY_CHECKING"], "True");
  EXPECT_FALSE(env.contains("ANSIBLE_PIPELINING"));
  EXPECT_FALSE(env.contains("ANSIBLE_ROLES_PATH"));
  EXPECT_EQ(env["ANSIBLE_CONFIG"], tree + "/ansible.cfg");
  EXPECT_LT(env["ANSIBLE_SSH_CONTROL_PATH_DIR"].size(), 40u);
}

}  // namespace
}  // namespace lemmy::ansible
