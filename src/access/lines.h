#pragma once
// Inside room access: changes to block-style YAML of the shape "section: name: field: value", line by line,
// so that comments and the order stay. A section in a section is "outer.inner". Errors: invalid when the text
// is written otherwise.
#include <string>
#include <vector>

#include "base/error.h"

namespace lemmy::access {

struct Field {
  std::string key, value;  // the value as YAML
};

// After the section's last entry; makes the section when there is none.
Result<std::string> add_entry(const std::string& text, const std::string& section, const std::string& name,
                              const std::vector<Field>& fields);
Result<std::string> remove_entry(const std::string& text, const std::string& section,
                                 const std::string& name);
// Keeps the comment behind the value; adds the field when there is none.
Result<std::string> set_field(const std::string& text, const std::string& section, const std::string& name,
                              const Field& field);

}  // namespace lemmy::access
