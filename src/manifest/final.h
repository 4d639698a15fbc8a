#pragma once
// Inside room manifest: the final JSON's rules.
#include "base/json.h"
#include "manifest/manifest.h"

namespace lemmy::manifest {

// Checks it, and makes Kubernetes' lists of `env` objects. `file` is the template and `text` what it
// rendered, for where and detail of errors.
Result<> check_final(json::value& final, const std::string& file, const std::string& text);

struct NotKept {
  std::string key;           // of the final JSON: "tolerations", "service.ports"
  bool is_left_out = false;  // or it has another value
};
// The first of what the final JSON sets that the rendered object of a standard does not have, though it is
// where that is set: a standard of before, or one that forgets it. A standard may add to it. Containers and
// volumes, labels and annotations of pods, and how many there are of them are its own matter.
std::optional<NotKept> not_kept(const json::object& final, Role role, const json::object& rendered);

// Only makes the lists, where it can.
void normalise_final(json::value& final);

}  // namespace lemmy::manifest
