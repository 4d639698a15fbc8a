#pragma once
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"

namespace lemmy {

struct ProcessOutput {
  int exit_code = 0;  // 128 + signal when a signal ended it
  std::string out;
  std::string err;
};

// Runs a program to its end, without a shell, with standard input empty and `environment` added to ours.
// Blocks: call it on a pool thread. At the deadline its whole process group is killed and the error is a
// timeout; not_found when the program does not exist; too_large when it prints more than `most` bytes.
Result<ProcessOutput> run_process(const std::vector<std::string>& argv,
                                  const std::map<std::string, std::string>& environment,
                                  const std::string& directory, std::chrono::milliseconds limit,
                                  size_t most = 1 << 20);

}  // namespace lemmy
