#include "kube/warnings.h"

#include <algorithm>

#include "base/strings.h"

namespace lemmy::kube {
namespace {

constexpr size_t kMostWarnings = 50, kWarningLength = 2048;

void skip(std::string_view& text, std::string_view these) {
  text.remove_prefix(std::min(text.find_first_not_of(these), text.size()));
}

std::string_view token(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  skip(text, " ");
  return word;
}

// False: there is none, or it does not end.
bool quoted(std::string_view& text, std::string& out) {
  if (!text.starts_with('"')) return false;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return true;
    }
    if (text[i] == '\\' && ++i == text.size()) return false;
    out += text[i];
  }
  return false;
}

}  // namespace

std::vector<std::string> warnings_in(const net::Headers& headers) {
  std::vector<std::string> out;
  const auto [first, last] = headers.equal_range("Warning");
  for (auto header = first; header != last; ++header) {
    std::string_view rest = header->second;
    for (skip(rest, " ,"); !rest.empty(); skip(rest, " ,")) {
      const std::string_view code = token(rest);
      token(rest);  // who warns
      std::string text, date;
      if (!quoted(rest, text)) break;
      skip(rest, " ");
      if (rest.starts_with('"') && !quoted(rest, date)) break;
      text = shorten(valid_utf8(trim(text)), kWarningLength);
      if (code != "299" || text.empty() || out.size() == kMostWarnings) continue;
      if (std::ranges::find(out, text) == out.end()) out.push_back(std::move(text));
    }
  }
  return out;
}

}  // namespace lemmy::kube
