#pragma once
// Processes of a run: started behind a gate, found again by a later server, and ended with all that they
// started. Everything here blocks: call it on a pool thread.
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace lemmy::ansible {

// Enough to know a process again: pids are used anew, but not with the same start time in one boot. The token
// is in the environment of everything that the run starts: ansible-runner puts ansible-playbook into a
// session of its own, which would survive the end of ansible-runner's group.
struct Identity {
  pid_t pid = 0;
  uint64_t start_time = 0;  // field 22 of /proc/PID/stat
  std::string boot, token;
  std::set<pid_t> sessions;  // of Ansible, as far as they are known: what it started stays in them
};
constexpr const char* kTokenVariable = "LEMMY_RUN";

Result<> write_identity(const std::string& file, const Identity& identity);
Result<Identity> read_identity(const std::string& file);

struct Started {
  Identity identity;
  Fd out;  // its standard output and error
};

// A session of its own (async/child.h). The program begins only after its identity is in `identity_file`;
// when that fails it never does. The caller reaps it.
Result<Started> start_process(const std::vector<std::string>& argv,
                              const std::map<std::string, std::string>& environment,
                              const std::string& directory, const std::string& identity_file);

// The run's processes that are alive now: the first one, Ansible's own, and what they started, but for what
// left the session: a service that a playbook starts on this very machine, as services start, is not among
// them.
std::vector<pid_t> processes_of(const Identity& identity);
// SIGINT to ansible-playbook, so that it says where it was; to ansible-runner when there is no playbook yet.
// The sessions that are to be ended: to be kept, for they are not found once Ansible is gone.
std::set<pid_t> interrupt(const Identity& identity);
void kill_all(const Identity& identity);
// Interrupts, waits, kills. True when something was alive.
bool end_processes(Identity identity);

}  // namespace lemmy::ansible
