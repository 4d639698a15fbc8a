#pragma once
// Inside room cli: what a change of the configuration does to what is sent, field by field.
#include "manifest/compare.h"

namespace lemmy::cli {

using manifest::add_origins;
using manifest::by_kind;
using manifest::compare;
using manifest::FieldChange;
using manifest::to_json;

// A table for people, at most `most` rows.
void print_changes(const std::vector<FieldChange>& changes, size_t most);

// Every target rendered with the configuration in `dir` and with `other`: a folder, or a revision of the git
// repository that `dir` is in. The value is the exit code.
struct Against {
  std::string dir, other, output = "table";
  bool exit_code = false;  // 1 when there are changes
};
int validate_against(const Against& against);

}  // namespace lemmy::cli
