#pragma once
// Inside room cli: why a deploy failed, and what a roll back would change, for people.
#include <cstdio>

#include "base/json.h"

namespace lemmy::cli {

// Of GET .../failure: the cause, the pods that fail alike with a sample of each, what differs from the last
// good deploy.
void print_failure(std::FILE* to, const json::object& failure, bool with_logs);
// Of GET .../rollback-preview.
void print_preview(std::FILE* to, const json::object& preview);
// Asks on standard error; true only for y or yes.
bool says_yes(const std::string& question);

}  // namespace lemmy::cli
