#include <algorithm>
#include <vector>

#include "base/strings.h"
#include "web/context.h"

namespace lemmy::web {
namespace {

constexpr size_t kMostLines = 3000;  // the table below is quadratic
constexpr size_t kAround = 2;

struct Line {
  std::string_view kind, text;
};

// Longest common subsequence.
std::vector<Line> merge(const std::vector<std::string_view>& a, const std::vector<std::string_view>& b) {
  const size_t n = a.size(), m = b.size();
  std::vector<uint16_t> length((n + 1) * (m + 1));
  auto at = [&](size_t i, size_t j) -> uint16_t& { return length[i * (m + 1) + j]; };
  for (size_t i = n; i-- > 0;)
    for (size_t j = m; j-- > 0;)
      at(i, j) = a[i] == b[j] ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
  std::vector<Line> out;
  size_t i = 0, j = 0;
  while (i < n || j < m) {
    if (i < n && j < m && a[i] == b[j]) {
      out.push_back({"same", a[i]});
      ++i, ++j;
    } else if (i < n && (j == m || at(i + 1, j) >= at(i, j + 1))) {
      out.push_back({"gone", a[i++]});
    } else {
      out.push_back({"new", b[j++]});
    }
  }
  return out;
}

}  // namespace

json::array diff_lines(const std::string& before, const std::string& after) {
  if (before == after) return {};
  auto a = split(before, '\n'), b = split(after, '\n');
  if (a.size() > kMostLines || b.size() > kMostLines)
    return {json::object{{"kind", "gap"}, {"text", "They differ, and are too long to be compared here."}}};
  const std::vector<Line> lines = merge(a, b);
  std::vector<bool> shown(lines.size());
  for (size_t i = 0; i < lines.size(); ++i)
    if (lines[i].kind != "same")
      for (size_t k = i < kAround ? 0 : i - kAround; k < std::min(lines.size(), i + kAround + 1); ++k)
        shown[k] = true;
  json::array out;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (shown[i]) {
      std::string_view sign = lines[i].kind == "gone" ? "- " : lines[i].kind == "new" ? "+ " : "  ";
      out.push_back({{"kind", lines[i].kind}, {"text", std::string(sign) + std::string(lines[i].text)}});
    } else if (i == 0 || shown[i - 1]) {
      out.push_back({{"kind", "gap"}, {"text", "…"}});
    }
  }
  return out;
}

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
