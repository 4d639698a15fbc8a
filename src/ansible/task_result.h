#pragma once
// Inside room ansible: what the result of one task says ("res" of an event of ansible-runner). Modules write
// what they like there, so anything may be missing or of another type. Pure.
#include <string>

#include "base/json.h"

namespace lemmy::ansible {

// Of a key that is missing or no object: an empty one.
const json::object& object_or_empty(const json::object& o, std::string_view key);
// The task's own host did it: its action does not run in Ansible's process alone, and it was not delegated.
bool is_done_by_host(const json::object& event_data);
// Of a loop the first item that failed, which says more than "One or more items failed"; else the result
// itself.
const json::object& telling_result(const json::object& result);
// One text for people, UTF-8 without colours, at most 2 KiB; of a task with no_log only that it is hidden.
std::string message_of(const json::object& result);
// The item of a loop that a result is of, at most 100 bytes; empty: of none, or of a task with no_log.
std::string item_of(const json::object& result);
// The end of what it printed, at most 8 KiB; empty of a task with no_log.
std::string output_of(const json::object& result);
// Of a result that is too large ansible-runner's event holds nothing: it gets what Ansible printed of it,
// which is the same without the arguments.
void take_printed_result(json::object& event, std::string_view printed);

}  // namespace lemmy::ansible
