#pragma once
// Starting a child process, in one place: fork, exec, and what a child must not inherit.
#include <sys/types.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace lemmy {

struct ChildOptions {
  std::vector<std::string> argv;         // argv[0] is looked for on PATH; no shell
  std::vector<std::string> environment;  // all of it: "NAME=value"
  std::string directory;                 // empty: ours
  // A session of its own (setsid), else a process group of its own.
  bool session = false;
  // SIGTERM when the thread that started it ends: PR_SET_PDEATHSIG of prctl(2). Only for threads that live as
  // long as the server.
  bool dies_with_thread = false;
  bool one_output = false;  // standard error goes into the same pipe
};

// What a child inherits is decided here, for all of them (docs/operations.md#what-child-programs-inherit):
// our own environment without what is secret; a variable LEMMY_CHILD_X of ours is its X, whatever else is
// said of X; and `added`, which goes before both.
std::vector<std::string> child_environment(const std::map<std::string, std::string>& added);
// Names that no child inherits from here on: those that access.yaml and --store name. Any thread.
void keep_from_children(const std::vector<std::string>& names);

// A started child. Whoever lets go of one that has not ended kills its whole process group.
class Child {
 public:
  Child() = default;
  Child(pid_t pid, Fd out, Fd err) : pid_(pid), out_(std::move(out)), err_(std::move(err)) {}
  Child(Child&& other) noexcept
      : pid_(std::exchange(other.pid_, 0)), out_(std::move(other.out_)), err_(std::move(other.err_)) {}
  Child& operator=(Child&& other) noexcept;
  ~Child() { kill(); }

  pid_t pid() const { return pid_; }
  Fd& out() { return out_; }
  Fd& err() { return err_; }
  // Its exit code, 128 + signal when a signal ended it; nullopt: it runs. It is reaped by that.
  std::optional<int> ended();
  void kill();  // with SIGKILL, its group, and waits for it; does nothing when it has ended
  pid_t let_go() { return std::exchange(pid_, 0); }  // the caller reaps it

 private:
  pid_t pid_ = 0;  // 0: none, or reaped
  Fd out_, err_;
};

// Standard input is empty, signals are as new, no file of ours is left open but the pipes. `before` is called
// with its pid before the program begins; when that fails, or this process dies, the program never does.
// Blocks for some milliseconds: call it on a pool thread. Errors: not_found (no such program), unavailable.
Result<Child> start_child(const ChildOptions& options, const std::function<Result<>(pid_t)>& before = {});

}  // namespace lemmy
