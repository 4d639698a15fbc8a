#pragma once
// What a run needs on disk and in its environment. Blocks: call it on a pool thread.
#include <map>
#include <string>
#include <vector>

#include "ansible/run.h"

namespace lemmy::ansible {

// Where the files of a run are, all below <runs>/<id>.
struct Folder {
  std::string root;
  std::string log() const { return root + "/log.txt"; }
  std::string identity() const { return root + "/runner.json"; }
  std::string private_data() const { return root + "/private"; }
  std::string temporary() const { return root + "/tmp"; }
  std::string plugins() const { return private_data() + "/plugins"; }
};

struct Command {
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;  // beside ours
  std::string directory;
  // JOB_ID of the run, which ansible-runner puts into each event of Ansible. Events come on the same stream
  // as what tasks, diffs and hosts print, so text could look like one: without the seal it is text.
  int64_t seal = 0;
};

// The variables that point Ansible at the tree. What the user has set, in the environment or in ansible.cfg,
// stays: host key checking, pipelining, roles, SSH arguments.
std::map<std::string, std::string> ansible_environment(const Tools& tools, const std::string& ansible_dir,
                                                       const std::string& home);
std::string variable_of_ours(const char* name);                    // empty: it is not set
Result<> make_private(const std::string& folder);                  // only we may enter
std::string program(const Tools& tools, const std::string& name);  // as it is to be started
std::string found(const Tools& tools, const std::string& name);    // its path; empty: it is not there
// A short folder below /tmp that only we may enter, always the same for `of`.
std::string private_folder(const std::string& of);
Result<> check(const Plan& plan);  // names, playbook and inventory are there, the pattern is none of argv's
// Makes the folder anew and writes the private data of ansible-runner, readable by us only.
Result<Command> prepare(const Plan& plan, const Tools& tools, const Folder& folder, const std::string& home);
// After the run: variables, events and temporary files go, the log stays.
void tidy(const Folder& folder);

Error no_ansible(const std::string& program);
// An error in Ansible's own words, with the hint that fits them.
Error in_its_words(ErrorCode code, std::string where, std::string_view words);

}  // namespace lemmy::ansible
