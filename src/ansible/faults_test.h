#pragma once
// Runs that something happens to while their task is under way.
#include <signal.h>
#include <sys/wait.h>

#include "ansible/prepare.h"
#include "ansible/process.h"
#include "ansible/sample_test.h"

namespace lemmy::ansible {

// Calls `then` once the file is there, unless that takes too long.
inline Task<> when_there(std::string file, std::function<void()> then,
                         std::shared_ptr<bool> too_late = std::make_shared<bool>(false)) {
  while (!*too_late && !fs::exists(file)) co_await sleep_for(10ms);
  if (!*too_late) then();
}

class Faults : public Sample {
 protected:
  void SetUp() override {
    Sample::SetUp();
    if (root.empty()) return;
    fs::copy_file("/bin/sleep", root + "/sleep");  // so that its command line is known for ours
    started_file = root + "/started";
  }
  // What ends before it was ended: the machine may be slow, but not so slow.
  static constexpr auto kSleep = 60s;
  Plan sleeper(const std::string& name, const std::string& seconds = "60", const std::string& first = "") {
    return plan(name,
                "    - {name: Sleep, shell: \"" + first + "touch " + started_file + "; " + root + "/sleep " +
                    seconds + "; true\"}\n    - {name: After, ping: }\n",
                "one");
  }
  // Runs the plan and does `meanwhile` once its task is under way on the host.
  Result<Outcome> run_and(Plan p, std::function<void()> meanwhile) {
    progress = std::make_shared<Progress>();
    started = Clock::now();
    auto ended = std::make_shared<bool>(false);
    asio::co_spawn(loop, when_there(started_file, std::move(meanwhile), ended), asio::detached);
    auto run = [](Runs* runs, Plan p, std::shared_ptr<Progress> progress,
                  std::shared_ptr<bool> ended) -> Task<Result<Outcome>> {
      auto outcome = co_await runs->run(std::move(p), progress, nullptr);
      *ended = true;
      co_return outcome;
    };
    return wait(run(&runs(), std::move(p), progress, ended));
  }
  Identity identity(const std::string& id) {
    return read_identity(root + "/runs/" + id + "/runner.json").value_or(Identity{});
  }
  // Processes of anything of ours: the tree's path is in no other program's arguments.
  std::vector<std::string> alive() {
    std::vector<std::string> out;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator("/proc", error)) {
      auto command = read_file(entry.path() / "cmdline", 1 << 20);
      if (command && command->find(root) != std::string::npos) out.push_back(*command);
    }
    return out;
  }
  Clock::time_point started;
  std::string started_file;
};

}  // namespace lemmy::ansible
