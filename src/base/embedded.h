#pragma once
// Files that are part of the binary, as they were at build time. cmake/embed.cmake puts them there.
#include <span>
#include <string_view>

namespace lemmy {

struct Embedded {
  std::string_view path;  // relative to the folder that was embedded
  std::string_view text;
};

}  // namespace lemmy
