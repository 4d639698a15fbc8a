#pragma once
// JSON Schema (https://json-schema.org; draft 2020-12 unless "$schema" names another), by a library.
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"

namespace lemmy::tmpl {

// Immutable; any thread.
class JsonSchema {
 public:
  // Formats are checked. Errors: invalid, where = name: the text is no JSON, no schema, refers to another
  // document, or has a keyword or a format that would do nothing (schema_words.h).
  static Result<std::shared_ptr<const JsonSchema>> create(const std::string& name, const std::string& text);
  ~JsonSchema();
  JsonSchema(const JsonSchema&) = delete;

  struct Fault {
    std::vector<std::string> path;  // keys and indices to the value; empty: the whole
    std::string what;               // for people; shows at most 400 bytes
  };
  // The first 20. Patterns take linear time. Errors: internal.
  Result<std::vector<Fault>> check(const json::value& value) const;

 private:
  explicit JsonSchema(void* handle) : handle_(handle) {}
  void* handle_;
};

}  // namespace lemmy::tmpl
