#pragma once
#include <optional>
#include <string>

#include "base/json.h"
#include "base/time.h"

namespace lemmy {

// What a build system announced: (project, sha) is the key. What is kept when it is announced again:
// merged().
struct Build {
  std::string project;
  std::string sha;  // 7-64 lower-case hex
  std::string branch;
  std::string image;  // reference, best a digest; may be empty when the template knows it
  std::string url;    // where a person sees the build or commit; http(s) only
  std::string author;
  std::string message;
  Time first_pushed_at{};
  Time pushed_at{};    // when it was built, as far as that was told; else when it was announced
  bool dated = false;  // pushed_at was named by who announced it; not kept

  bool operator==(const Build&) const = default;
};

// Checks every field by the naming standard and the size limits (branch 255, image 512, url 2048, author 255,
// message 4096 bytes).
Result<> check_build(const Build& build);

// What is kept after an announcement; `kept`: before it, of the same build. Of each field it is what was
// announced last, and never nothing instead of something. An announcement that is dated and older than what
// is kept (a retry that comes late) only fills what is empty. One that is not dated is never older: it has
// the time of its receipt, and clocks step.
Build merged(std::optional<Build> kept, Build announced);

json::object to_json(const Build& build);
Build build_from_json(const json::object& o);

}  // namespace lemmy
