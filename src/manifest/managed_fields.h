#pragma once
// Inside room manifest: who wrote the fields of an object, by what the API server notes of it.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management. Pure.
#include "manifest/fields.h"

namespace lemmy::manifest {

// The entry of metadata.managedFields that wrote the field last; nullptr: none has it. `gone`: the field is
// not in `live`, and only who wrote the whole of what it was in is known.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
const json::object* manager_of(const json::value& live, const Steps& steps, bool gone = false);

// Lemmy itself, a controller of Kubernetes or of its cloud, or who writes a part of its own, such as a status
// or the scale.
bool is_of_cluster(const json::object& entry);
// When Lemmy applied it last, RFC 3339: what others had written by then was there, and taken over. Empty:
// never.
std::string applied_at(const json::value& live);

}  // namespace lemmy::manifest
