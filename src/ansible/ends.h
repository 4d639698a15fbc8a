#pragma once
// Inside room ansible: a plug-in in Ansible's process. It tells on which hosts a run was broken off though
// nothing failed there, which since 2.18 no event does, and keeps --limit from cutting off plays that are for
// no host of the inventory: localhost, and what add_host made. Blocks: call it on a pool thread.
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
