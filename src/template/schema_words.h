#pragma once
// The keywords of JSON Schema, of which its validators take those that they do not know for annotations: a
// slip in one would allow everything. https://json-schema.org/specification
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"

namespace lemmy::tmpl {

// A schema that stands in another.
struct Subschema {
  std::string keyword;  // "properties", "items", "allOf" ...
  std::string key;      // of a map of schemas: "image"; of a list: its index; else empty
  const json::value* schema;
};
std::vector<Subschema> subschemas(const json::object& schema);

std::string pointer_to(const std::string& at, const Subschema& below);  // RFC 6901

// The first keyword, anywhere in it, that its draft does not have or that does nothing where it stands, or a
// "$schema" that is not one of draft 4, 6, 7, 2019-09 and 2020-12. Keywords that begin with "x-" are let
// through. where: a JSON pointer.
std::optional<Error> wrong_keyword(const json::value& schema);

}  // namespace lemmy::tmpl
