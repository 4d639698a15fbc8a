#pragma once
// What comes from outside (builds, people, environments.json) on its way to Ansible: always data, never a
// template, an option, a pattern or a file name. All pure.
#include <span>
#include <string>

#include "base/json.h"

namespace lemmy::ansible {

// A YAML file for --extra-vars in which every text carries Ansible's tag !unsafe: no version that Lemmy runs
// with templates it, and it stays so through set_fact, register, loops and roles. Of texts that YAML would
// take for something else, such as "012" or "yes", ansible-core 2.19 makes that when they have this tag: they
// have !!str, and no braces. JSON with {"__ansible_unsafe": ...} would not do, for its objects may have keys
// that Ansible's reader obeys. ASCII only, so that no locale and no reader changes it. Names of variables
// (the outermost keys) are ours.
// https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_advanced_syntax.html#unsafe-or-raw-strings
std::string extra_vars(const json::object& variables);
// Refuses keys that could become more than data. With '{': ansible-core up to 2.18 forgets the tag of keys,
// so that what a playbook makes of them may be templated. Beginning with __ansible_: caches and workers obey
// them when they read their own JSON again. invalid, with the path of the key.
Result<> check_variables(const json::object& variables);

// Patterns for --limit that mean these hosts and nothing else, whatever is in their names. One has no comma,
// colon, blank, bracket or line end in it, and begins with none of - @ ! &.
std::string host_patterns(std::span<const std::string> hosts, char separator);
// A name that --limit can mean exactly: not empty, UTF-8, no control characters. A host that is named like a
// group is told apart only when its name is plain.
bool addressable(std::string_view host);
bool plain(std::string_view host);  // letters, digits, '_', '-', '.', and begins with none of the last two

}  // namespace lemmy::ansible
