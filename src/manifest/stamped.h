#pragma once
// Inside room manifest: which fields Lemmy's stamps set, and by which rule (docs/manifests.md, Stamps).
#include <map>

#include "manifest/fields.h"
#include "manifest/parts.h"

namespace lemmy::manifest {

// The rule that sets a field of this place: "name", "namespace", "labels", "selector", "variables", "mounts",
// "volumes", "scale target", "object".
std::string rule_of(const Steps& steps);
// Of the stamped object that `rendered` becomes.
std::map<Steps, std::string> stamped_fields(const json::value& rendered, const Part& part,
                                            const Stamp& stamp);

}  // namespace lemmy::manifest
