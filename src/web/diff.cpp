#include "base/strings.h"
#include "web/context.h"

namespace lemmy::web {
json::array unified_lines(std::string_view diff) {
  json::array out;
  if (diff.ends_with('\n')) diff.remove_suffix(1);
  if (diff.empty()) return out;
  for (std::string_view line : split(diff, '\n')) {
    const bool heading = line.starts_with("+++") || line.starts_with("---") || line.starts_with("@@") ||
                         line.starts_with("task ");
    out.push_back({{"kind", heading                 ? "gap"
                            : line.starts_with('+') ? "new"
                            : line.starts_with('-') ? "gone"
                                                    : "same"},
                   {"text", line}});
  }
  return out;
}

}  // namespace lemmy::web
