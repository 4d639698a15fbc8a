#pragma once
// Inside room cli: watching a deploy until it is finished.
#include "cli/remote.h"

namespace lemmy::cli {

inline constexpr int kDeployFailed = 1;        // exit code; the others are in base/error.h
inline constexpr milliseconds kAskEvery{700};  // between questions whether what is waited for has ended

struct Follow {
  Target target;
  int64_t number = 0;
  milliseconds at_most{3'600'000};
  bool json = false;  // prints the last status as JSON on standard output; progress goes to standard error
};

// While it is there SIGINT and SIGTERM end the program as shells expect, and say that what it waited for goes
// on: 128 + the signal.
class Interrupted {
 public:
  Interrupted(asio::any_io_executor executor, std::string later);

 private:
  asio::signal_set signals_;
};

// Shows each step and the pods that are ready; a cut connection is taken up again where it was. The exit
// code: 0 live, 1 failed, 8 cancelled or superseded. Errors: timeout, and unavailable when the server stays
// away; the deploy goes on then.
Task<Result<int>> follow_deploy(std::shared_ptr<Remote> remote, Follow follow);

}  // namespace lemmy::cli
