#pragma once
#include <map>
#include <string>
#include <vector>

#include "async/pool.h"

namespace lemmy {

struct ProcessOutput {
  int exit_code = 0;  // 128 + signal when a signal ended it
  std::string out;
  std::string err;
};

struct Program {
  std::vector<std::string> argv;                   // no shell
  std::map<std::string, std::string> environment;  // added to child_environment()
  std::string directory;                           // empty: ours
  std::chrono::milliseconds limit{60'000};
  size_t most = 1 << 20;  // bytes that it may print
};

// Runs a program to its end, with standard input empty. `starters` forks it; while it runs it holds no
// thread. At the limit, or cancelled, its whole process group is killed. Errors: timeout; not_found when the
// program does not exist; too_large when it prints more than `most` bytes; unavailable.
Task<Result<ProcessOutput>> run_program(Pool* starters, Program program);

// The same for callers without a loop, such as commands: blocks.
Result<ProcessOutput> run_process(Program program);

}  // namespace lemmy
