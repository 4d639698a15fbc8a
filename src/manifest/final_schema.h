#pragma once
// Inside room manifest: whether standards/final.schema.json speaks of what there is.
#include <string>

#include "base/error.h"

namespace lemmy::manifest {

// A key under `properties` or in `required` that the final JSON cannot have would allow everything: of its
// own keys each must be one of them, of Kubernetes' fields none may be nearly one. `text` is a JSON Schema.
// Errors: invalid, where = name.
Result<> check_schema_names(const std::string& name, const std::string& text);

}  // namespace lemmy::manifest
