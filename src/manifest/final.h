#pragma once
// Inside room manifest: the final JSON's rules.
#include "base/json.h"

namespace lemmy::manifest {

// Checks it, and makes Kubernetes' lists of `env` objects. `file` is the template and `text` what it
// rendered, for where and detail of errors.
Result<> check_final(json::value& final, const std::string& file, const std::string& text);

// Only makes the lists, where it can.
void normalise_final(json::value& final);

}  // namespace lemmy::manifest
