#pragma once
// One run while it runs. Loop thread only.
#include "ansible/prepare.h"
#include "ansible/process.h"
#include "ansible/run.h"
#include "async/task.h"

namespace lemmy::ansible {

struct Job {
  explicit Job(asio::any_io_executor loop) : out(loop), wake(loop), ended(loop, Clock::time_point::max()) {}
  Plan plan;
  Folder folder;
  std::shared_ptr<Progress> progress;
  std::function<void()> changed;
  Identity identity;
  int64_t seal = 0;  // of events
  asio::posix::stream_descriptor out;
  Signal wake;
  asio::steady_timer ended;  // cancelled at the end
  Outcome outcome;
  std::optional<Error> trouble;            // of ours: could not be started, disk full
  Clock::time_point heard = Clock::now();  // from Ansible
  bool cancel_asked = false, exited = false, end_of_output = false, done = false;
  bool abandoned = false;  // Runs is gone: kill it, and leave its identity on disk
};

// Prepares, starts, reads, ends: the whole life of a run.
Task<> work_on(Pool* pool, Tools tools, std::string home, std::shared_ptr<Job> job);
Result<Outcome> judge(const Job& job);
Result<std::string> end_of_file(const std::string& path, size_t most_bytes);

}  // namespace lemmy::ansible
