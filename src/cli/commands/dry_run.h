#pragma once
// Inside room cli: lemmy deploy --check.
#include "cli/remote.h"

namespace lemmy::cli {

// Waits for its end, and prints each host with its diff, or each object with the cluster's answer. The exit
// code: 0 nothing speaks against it, 1 it would fail, 8 cancelled. When we end, so does the dry run.
Task<Result<int>> dry_run(std::shared_ptr<Remote> remote, Target target, std::string build,
                          milliseconds at_most, bool json);

}  // namespace lemmy::cli
