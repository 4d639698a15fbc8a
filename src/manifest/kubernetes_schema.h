#pragma once
// Inside room manifest: whether an object has only fields that Kubernetes knows, with values of their types.
// No cluster is asked: the rules are those of kubernetes_schema.json, which is made of Kubernetes' own
// OpenAPI document, and of kubernetes_rules.h. Pure, thread-safe.
#include <string>
#include <string_view>
#include <vector>

#include "manifest/fields.h"

namespace lemmy::manifest {

struct SchemaFault {
  Steps steps;  // where, in the object; empty: its kind
  std::string what, hint;
  bool unknown = false;  // a kind or field that is not known: a newer Kubernetes may have it
};

std::string_view schema_version();  // of Kubernetes, "1.34"

// The names of a type's fields, in their order: "core.v1.PodSpec". Empty: there is no such type.
const std::vector<std::string>& fields_of(std::string_view type);

// Of a field of it, as kubernetes_schema.json has it: "string", "[]core.v1.Container", "{}quantity"; empty:
// there is none.
std::string_view type_of_field(std::string_view type, std::string_view field);

// At most 20, in the order of the object. Kinds of groups that are not Kubernetes' own are not judged.
std::vector<SchemaFault> schema_faults(const json::object& object);

}  // namespace lemmy::manifest
