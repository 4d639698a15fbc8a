#pragma once
// What a playbook run has done so far, host by host, from ansible-runner's JSON events. No I/O.
// https://docs.ansible.com/projects/runner/en/stable/intro/ (job events)
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/time.h"

namespace lemmy::ansible {

// In the order in which a later one tells more; of a host that had several, the worst stays.
enum class HostState { waiting, running, skipped, ok, changed, rescued, failed, unreachable };
std::string_view name(HostState s);  // "changed"

struct Host {
  std::string name;
  HostState state = HostState::waiting;
  std::string task;  // now, or the last one; of a failed host: the one that failed
  std::string message;
  std::string diff;  // what --diff shows of it, by task; at most 64 KiB, and only with keep_diffs()
  int ok = 0, changed = 0, failed = 0, skipped = 0, rescued = 0, ignored = 0, unreachable = 0;  // tasks
  bool done = false;
  bool working = false;  // a play that it takes part in goes on; its state is then what it had so far
  bool meant = false;    // expect() named it, or nobody was expected
  // The run came to its end on this host, and nothing failed there that was not rescued or ignored: only the
  // recap makes it so, and no play that was, or may have been, broken off because of others.
  bool complete = false;
};

struct Failure {
  std::string host, task, role, file_line;  // file_line: "roles/app/tasks/main.yml:12" when it is known
  std::string message;                      // of the module
  std::string output;                       // its last stdout and stderr, at most 8 KiB
  bool unreachable = false;
};

class Progress {
 public:
  // One line of ansible-runner's output. What is no JSON event is kept as a warning or as plain text.
  // Results of tasks with no_log stay hidden; nothing of a task's arguments is kept.
  void feed(std::string_view line);
  void feed(const json::object& event);  // a line that was parsed elsewhere
  void text(std::string_view line);      // one that is no event, whatever it looks like
  // The folder that paths of tasks are shown relative to.
  void set_root(std::string folder) { root_ = std::move(folder); }
  // Hosts that the run is meant for; they wait until it comes to them.
  void expect(const std::vector<std::string>& hosts);
  // The run is over, however: nobody works any more, and who did not come to an end says so.
  void over();
  // After the run: where Ansible itself broke it off though nothing failed there. As long as nobody tells, a
  // host that began nothing after another one failed is not complete.
  void broken_off(const std::vector<std::string>& hosts);
  // Diffs are parts of files, so they are kept only where they are asked for.
  void keep_diffs() { keeps_diffs_ = true; }
  const std::map<std::string, Host>& hosts() const { return hosts_; }
  const std::string& play() const { return play_; }
  const std::string& task() const { return task_; }  // now
  // The first that was not rescued or ignored.
  const std::optional<Failure>& first_failure() const { return failure_; }
  bool finished() const { return finished_; }              // playbook_on_stats came
  bool no_hosts() const;                                   // the inventory has none that is meant
  bool no_host_named() const;                              // it has, and no play is for one of them
  const std::string& trouble() const { return trouble_; }  // what ansible itself said: ERROR! ...
  bool in_error() const;                                   // trouble() is an error, not a warning
  uint64_t version() const { return version_; }            // grows with each change that is worth showing

 private:
  // A failed task, until it is known whether a rescue section or ignore_unreachable took it back.
  struct Candidate {
    Failure failure;
    uint64_t at = 0;      // of events
    bool passed = false;  // the host went on after it
  };
  Host* host(std::string_view name);
  static HostState by_counts(const Host& host);
  bool none_reached() const;  // of those who are meant
  void settle();
  void started(Host& host, std::string_view task);
  void result(std::string_view kind, const json::object& data, Host& host);
  void failed(const json::object& data, Host& host, bool unreachable);
  void stats(const json::object& data);
  void decide_complete();
  void add_diff(std::string_view task, std::string_view text, Host& host);
  void choose_first();

  std::map<std::string, Host> hosts_;
  std::set<std::string> in_play_, broken_off_;   // names
  std::set<std::string> unanswered_, answered_;  // were unreachable for a task; did a task themselves
  std::map<std::string, uint64_t> began_;        // the last task of a host
  std::vector<Candidate> candidates_;            // in the order of their coming; bounded
  std::string root_, play_, task_, trouble_;
  std::optional<Failure> failure_;
  bool expects_ = false, finished_ = false, no_hosts_ = false, none_named_ = false, keeps_diffs_ = false,
       told_ = false;
  uint64_t events_ = 0;
  size_t diff_bytes_ = 0;
  uint64_t version_ = 0;
};

// What went wrong on the host, for people: where is "host: file:line", and a hint for what is known (SSH
// refused, host key, permission, name, vault password).
Error to_error(const Failure& failure);
// The hint for Ansible's own words; empty when they are not known.
std::string hint_for(std::string_view words);

json::object to_json(const Host& host);
json::object to_json(const Failure& failure);
// {"play", "task", "finished", "hosts": [Host], "failure": Failure|null, "counts": {"ok": 3, ...} of hosts}
json::object to_json(const Progress& progress);

}  // namespace lemmy::ansible
