#include "base/json_keys.h"

#include <set>
#include <vector>

#include "base/json.h"

namespace lemmy {

static std::string unescaped(std::string_view word) {
  if (word.find('\\') == word.npos) return std::string(word.substr(1, word.size() - 2));
  boost::system::error_code ec;
  const json::value v = json::parse(word, ec);
  return !ec && v.is_string() ? std::string(v.get_string()) : std::string(word);
}

std::optional<KeyTwice> key_twice(std::string_view text) {
  std::vector<std::set<std::string>> objects;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{' || text[i] == '[') objects.emplace_back();
    if (text[i] == '}' || text[i] == ']') objects.pop_back();
    if (text[i] != '"') continue;
    const size_t start = i;
    for (++i; text[i] != '"'; ++i)
      if (text[i] == '\\') ++i;
    const std::string_view word = text.substr(start, i + 1 - start);
    const size_t next = text.find_first_not_of(" \t\r\n", i + 1);
    const bool is_key = next != text.npos && text[next] == ':';
    if (is_key && !objects.back().insert(unescaped(word)).second) return KeyTwice{std::string(word), start};
  }
  return std::nullopt;
}

}  // namespace lemmy
