#pragma once
// Inside room cli: what a change of the configuration does to what is sent, field by field.
#include "manifest/explain.h"

namespace lemmy::cli {

struct FieldChange {
  std::string object;  // a kind, or "variables" of a deploy to hosts
  manifest::Change change;
  std::string from;  // of the new value, or of the old one when it is gone; may be empty
};

// Manifests by their kind; the ConfigMap's copy, which has the same content, is left out.
json::object by_kind(const manifest::Manifests& manifests);
json::object by_kind(const json::array& stored);

std::vector<FieldChange> compare(const json::object& before, const json::object& after);
// Says where the fields come from. `fresh` as in manifest::to_json, of the new ones; `old` of those that are
// gone.
void add_origins(std::vector<FieldChange>& changes, const json::object& fresh, const json::object& old);

json::array to_json(const std::vector<FieldChange>& changes);
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
