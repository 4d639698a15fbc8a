#pragma once
// Playbook runs: real ansible-runner processes. Loop thread only; files and processes are handled on the pool
// or asynchronously.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ansible/progress.h"
#include "async/task.h"
#include "base/error.h"

namespace lemmy::ansible {

// Where Ansible is: a virtual environment's bin/, or empty for $PATH.
struct Tools {
  std::string bin;
};
// Whether its programs are there; that costs no time. Errors: not_found with the command that installs it.
Result<> installed(const Tools& tools);
// The version of ansible-core, as "2.19.14". not_found with the command that installs it when there is none.
Task<Result<std::string>> version(Pool* pool, Tools tools);

struct Plan {
  std::string id;                 // of the run: letters, digits, '-', '.'; its folder is <runs>/<id>
  std::string ansible_dir;        // of the configuration: inventory/, playbooks/, roles/, ansible.cfg
  std::string playbook;           // file in playbooks/
  std::string hosts;              // pattern, given as --limit; playbooks say `hosts: all` or narrower
  std::vector<std::string> only;  // names of hosts, each meant exactly; when there are any, in place of hosts
  json::object variables;  // {"lemmy": {project, environment, build{...}, deploy, config{...}}}; given by
                           // file, not argv, and as data: Ansible templates nothing of it
  bool check = false;      // --check --diff
  milliseconds limit{3'600'000};  // the whole run
  milliseconds silence{0};        // without a word of Ansible; 0: as long as the limit
};

struct Outcome {
  int exit_code = 0;
  bool cancelled = false, timed_out = false;
  bool silent = false;  // timed out by Plan::silence, not by its limit
  // Ansible's recap came. Without it the run was not one: ansible-playbook was killed, or there was no memory
  // left, whatever the exit code says; that is then not 0.
  bool finished = false;
  std::string log_file;  // what Ansible printed; of more than 64 MiB the end, which says so
};

// The hosts that the pattern selects, by ansible's own inventory. Empty: none. Errors: the inventory or its
// plug-in is broken, with what Ansible says; a vault password is missing, with what to do.
Task<Result<std::vector<std::string>>> matching_hosts(Pool* pool, Tools tools, Plan plan);

// Files of inventory/ that Ansible passes over by their names, though they may well have hosts: .ini, .cfg
// and .txt, unless ansible.cfg or the environment say which. Blocks: call it on a pool thread.
std::vector<std::string> skipped_files(const std::string& ansible_dir);

// A host of the inventory, with what an instance can be recognised by.
struct InventoryHost {
  std::string name;
  std::vector<std::string> ids;        // variables instance_id, ec2_instance_id, id
  std::vector<std::string> addresses;  // ansible_host, private_ip_address, public_ip_address, ...
};
// The hosts that the pattern selects, with these variables. Errors as of matching_hosts.
Task<Result<std::vector<InventoryHost>>> inventory_hosts(Pool* pool, Tools tools, Plan plan);
// What `ansible-inventory --list` prints. Pure.
Result<std::vector<InventoryHost>> read_inventory(std::string_view text);

// Whether Ansible can read the plan's playbook with what it names, on no host and with no inventory. Errors:
// invalid, in Ansible's words; not_found: there is no Ansible, or no playbook; unavailable, timeout.
Task<Result<>> check_syntax(Pool* pool, Tools tools, Plan plan);

class Runs {
 public:
  // runs_dir holds a folder for each run: its private data, its log, and who runs it (pid and start time).
  Runs(asio::any_io_executor loop, Pool* pool, Tools tools, std::string runs_dir);
  ~Runs();
  // Ends processes of an earlier server that still run, recognised by pid and start time, with their
  // children. The ids of those runs: they are to be repeated.
  Task<Result<std::vector<std::string>>> end_orphans();
  // Runs it to its end. `changed` is called whenever progress->version() grew. A run of the same id begins
  // anew. When the waiting coroutine is cancelled, the run is too. Errors: not_found (no Ansible, no
  // playbook), invalid (Ansible refuses the playbook or the inventory; with its words), unavailable,
  // rejected (this Ansible would template what comes from outside: nothing was run).
  Task<Result<Outcome>> run(Plan plan, std::shared_ptr<Progress> progress, std::function<void()> changed);
  bool any() const;  // some are under way
  // SIGINT to the process group, SIGKILL after 10 s. What was started on hosts may still run there.
  void cancel(const std::string& id);
  // Removes the folder of a run that has ended, with its log.
  Task<> forget(std::string id);
  // The same for all with such ids that do not run now: what earlier servers left.
  Task<> forget_all(std::function<bool(const std::string& id)> which);
  // The end of it, with a first line that says so when it is not all.
  Task<Result<std::string>> log(std::string id, size_t most_bytes) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace lemmy::ansible
