#pragma once
// A JSON document as the list of its fields, each with a path that people can read. Pure.
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace lemmy::manifest {

struct Step {  // into an object by key, or into a list by index
  std::string key;
  size_t index = 0;
  bool in_list = false;
  bool operator==(const Step&) const = default;
  auto operator<=>(const Step&) const = default;
};
using Steps = std::vector<Step>;

// A value without items: a scalar, null, {} or [].
struct Field {
  std::string path;  // spec.containers[app].env[LOG_LEVEL].value: items of a list by their names if they can
  Steps steps;
  json::value value;
};
std::vector<Field> fields(const json::value& document);

const json::value* value_at(const json::value& document, const Steps& steps);  // nullptr: there is none
json::value* value_at(json::value& document, const Steps& steps);
std::string index_path(const Steps& steps);  // as `path`, but with indices: the key in a file

const json::object& object_at(const json::object& o, std::string_view key);  // an empty one: there is none

// A text without its quotation marks, other values as JSON.
std::string shown_value(const json::value& value);

struct Change {
  std::string path;
  std::optional<json::value> before, after;  // none: the field is not there
};
// In the order of `after`; what is gone comes last.
std::vector<Change> changes(const json::value& before, const json::value& after);

}  // namespace lemmy::manifest
