#pragma once
// Inside room cli: what in the cluster is not as the deploy that serves was applied.
#include "cli/remote.h"

namespace lemmy::cli {

// As GET .../drift gives it; when that could not be told {"complete": false, "error": why}. Never fails.
Task<json::object> ask_drift(std::shared_ptr<Remote> remote, Target target);
// Lines for people, on standard output. It says that all is as it was applied only when all could be asked.
void print_drift(const json::object& drift);
// "drift" of a deploy's status: what the server saw last; nothing when that is empty.
void print_drift_seen(const json::object& drift);

}  // namespace lemmy::cli
