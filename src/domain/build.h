#pragma once
#include <string>

#include "base/json.h"
#include "base/time.h"

namespace lemmy {

// What a build system announced: (project, sha) is the key. Announcing it again updates pushed_at and
// whatever the new announcement names.
struct Build {
  std::string project;
  std::string sha;  // 7-64 lower-case hex
  std::string branch;
  std::string image;  // reference, best a digest; may be empty when the template knows it
  std::string url;    // where a person sees the build or commit; http(s) only
  std::string author;
  std::string message;
  Time first_pushed_at{};
  Time pushed_at{};

  bool operator==(const Build&) const = default;
};

// Checks every field by the naming standard and the size limits (branch 255, image 512, url 2048, author 255,
// message 4096 bytes).
Result<> check_build(const Build& build);

json::object to_json(const Build& build);
Build build_from_json(const json::object& o);

}  // namespace lemmy
