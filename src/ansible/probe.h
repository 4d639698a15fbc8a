#pragma once
// Whether the Ansible that is here leaves data alone: shown by running it, not by its version.
#include "ansible/run.h"

namespace lemmy::ansible {

// Plays tasks with variables of extra_vars() that are templates, under the tree's ansible.cfg, unless this
// process has done so with this program and this ansible.cfg. `home` is for its files. rejected: they were
// templated, so nothing may be run. Other errors: as of a run.
Task<Result<>> probe(Pool* pool, Tools tools, std::string ansible_dir, std::string home);

}  // namespace lemmy::ansible
