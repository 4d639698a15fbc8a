#pragma once
// Inside room manifest: the final JSON's rules.
#include "base/json.h"
#include "manifest/manifest.h"

namespace lemmy::manifest {

// Checks it, and makes Kubernetes' lists of `env` objects. `file` is the template and `text` what it
// rendered, for where and detail of errors.
Result<> check_final(json::value& final, const std::string& file, const std::string& text);

// What of the final JSON the rendered object of a standard does not have, though the final JSON is where it
// is set: a standard of before, or one that forgets it. Empty: nothing.
std::string left_out(const json::object& final, Role role, const json::object& rendered);

// Only makes the lists, where it can.
void normalise_final(json::value& final);

}  // namespace lemmy::manifest
