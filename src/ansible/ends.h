#pragma once
// Inside room ansible: on which hosts Ansible broke a run off though nothing failed there. Since 2.18 no
// event tells, so a plug-in in its process does. Blocks: call it on a pool thread.
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"

namespace lemmy::ansible {

// Puts the plug-in into the folder, which is to be in ANSIBLE_CALLBACK_PLUGINS.
Result<> watch_ends(const std::string& folder);
// What it wrote there at the recap: names of hosts, beside which those that failed may be. nullopt: it could
// not tell.
std::optional<std::vector<std::string>> broken_off(const std::string& folder);

}  // namespace lemmy::ansible
