#include "ansible/text.h"

#include <cctype>

#include "base/strings.h"

namespace lemmy::ansible {

std::string without_colours(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b' && i + 1 < text.size() && text[i + 1] == '[') {
      i += 2;
      while (i < text.size() && (text[i] < '@' || text[i] > '~')) ++i;
    } else if (text[i] != '\r') {
      out += text[i];
    }
  }
  return out;
}

std::string tail(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return valid_utf8(text);
  text.remove_prefix(text.size() - bytes);
  if (size_t line = text.find('\n'); line != text.npos && line + 1 < text.size()) {
    text.remove_prefix(line + 1);
  } else {
    while (!text.empty() && (text[0] & 0xC0) == 0x80) text.remove_prefix(1);
  }
  return valid_utf8(text);
}

std::string relative_path(std::string_view path, std::string_view root) {
  while (root.size() > 1 && root.ends_with('/')) root.remove_suffix(1);
  if (!root.empty() && path.starts_with(root) && path.substr(root.size()).starts_with('/'))
    return std::string(path.substr(root.size() + 1));
  for (std::string_view folder : {"/roles/", "/playbooks/", "/ansible_collections/"})
    if (size_t at = path.rfind(folder); at != path.npos) return std::string(path.substr(at + 1));
  return std::string(path);
}

namespace {
// The code unit of "\uXXXX" at i, or -1.
int escape_at(std::string_view s, size_t i) {
  if (i + 6 > s.size() || s[i] != '\\' || s[i + 1] != 'u') return -1;
  int unit = 0;
  for (size_t k = i + 2; k < i + 6; ++k) {
    if (!std::isxdigit(static_cast<unsigned char>(s[k]))) return -1;
    unit = unit * 16 + (s[k] <= '9' ? s[k] - '0' : (s[k] | 0x20) - 'a' + 10);
  }
  return unit;
}
bool high(int unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool low(int unit) { return unit >= 0xDC00 && unit < 0xE000; }
}  // namespace

std::string without_half_surrogates(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (size_t i = 0; i < s.size();) {
    int unit = escape_at(s, i);
    if (high(unit) && low(escape_at(s, i + 6))) {
      out += s.substr(i, 12);
      i += 12;
    } else if (high(unit) || low(unit)) {
      out += "\\ufffd";
      i += 6;
    } else {
      size_t n = s[i] == '\\' ? 2 : 1;  // an escaped backslash is not the start of the next escape
      out += s.substr(i, n);
      i += n;
    }
  }
  return out;
}

}  // namespace lemmy::ansible
