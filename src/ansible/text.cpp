#include "ansible/text.h"

#include <algorithm>
#include <cctype>

#include "base/strings.h"

namespace lemmy::ansible {

namespace {

// Behind the escape sequence that begins at `i`: ECMA-48, 5.4 to 5.6.
size_t after_sequence(std::string_view s, size_t i, char kind) {
  if (kind == '[') {  // to the byte that ends it
    while (i < s.size() && s[i] >= ' ' && s[i] < '@') ++i;
    return i < s.size() && s[i] >= '@' && s[i] <= '~' ? i + 1 : i;
  }
  if (std::string_view("]PX^_").contains(
          kind)) {  // titles, links and other texts to the terminal, to BEL or ST
    const size_t line = std::min(s.find('\n', i), s.size());
    const std::string_view rest = s.substr(i, line - i);
    const size_t bell = rest.find('\a'), st = rest.find("\x1b\\"), c1 = rest.find("\xc2\x9c");
    if (bell < st && bell < c1) return i + bell + 1;
    const size_t end = std::min(st, c1);
    return end == rest.npos ? i : i + end + 2;
  }
  if (kind >= ' ' && kind < '0') {  // such as the choice of a character set
    while (i < s.size() && s[i] >= ' ' && s[i] < '0') ++i;
    return i < s.size() && s[i] >= '0' ? i + 1 : i;
  }
  return static_cast<unsigned char>(kind) < ' ' ? i - 1 : i;
}

}  // namespace

std::string without_colours(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '\x1b' && i + 1 < text.size()) {
      i = after_sequence(text, i + 2, text[i + 1]);
    } else if (c == '\xc2' && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) {
      i = after_sequence(text, i + 2, static_cast<char>(text[i + 1] - 0x40));  // C1: ESC and a letter in one
    } else {
      if (c == '\n' || c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f)) out += c;
      ++i;
    }
  }
  return out;
}

std::string tail(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return valid_utf8(text);
  text.remove_prefix(text.size() - bytes);
  // A line that is most of it is not given up for a clean beginning.
  if (size_t line = text.find('\n'); line < bytes / 4 && line + 1 < text.size()) {
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
