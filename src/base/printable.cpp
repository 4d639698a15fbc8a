#include "base/printable.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace lemmy {
namespace {

enum class Kind { other, control, order };

// Of the code point that begins at `i` of valid UTF-8, with its value and length. Only these kinds are told
// apart.
struct Seen {
  Kind kind = Kind::other;
  unsigned point = 0;
  size_t bytes = 1;
};
Seen look(std::string_view s, size_t i) {
  const auto byte = [&](size_t k) { return k < s.size() ? static_cast<unsigned char>(s[k]) : 0u; };
  const unsigned c = byte(i);
  if (c < 0x20 || c == 0x7F) return {Kind::control, c, 1};
  if (c == 0xC2 && byte(i + 1) < 0xA0) return {Kind::control, byte(i + 1), 2};
  if (c == 0xE2 && (byte(i + 1) == 0x80 || byte(i + 1) == 0x81)) {
    const unsigned point = 0x2000 | (byte(i + 1) & 0x3F) << 6 | (byte(i + 2) & 0x3F);
    if ((point >= 0x2028 && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069))
      return {Kind::order, point, 3};
  }
  return {};
}

template <class F>
std::string replaced(std::string_view text, F by) {
  const std::string valid = valid_utf8(text);
  std::string out;
  out.reserve(valid.size());
  for (size_t i = 0; i < valid.size();) {
    const Seen seen = look(valid, i);
    if (seen.kind == Kind::other || !by(seen, out)) out.append(valid, i, seen.bytes);
    i += seen.bytes;
  }
  return out;
}

std::string name_of(unsigned point) { return fmt::format("<U+{:04X}>", point); }

}  // namespace

std::string printable(std::string_view text) {
  return replaced(text, [](const Seen& s, std::string& out) {
    if (s.point == '\n' || s.point == '\t') return false;
    out += s.kind == Kind::order ? name_of(s.point) : " ";
    return true;
  });
}

std::string printable_line(std::string_view text) {
  return replaced(text, [](const Seen& s, std::string& out) {
    out += s.kind == Kind::order ? name_of(s.point) : " ";
    return true;
  });
}

std::string in_order(std::string_view html) {
  return replaced(html, [](const Seen& s, std::string& out) {
    if (s.kind != Kind::order) return false;
    out += fmt::format("&lt;U+{:04X}&gt;", s.point);
    return true;
  });
}

std::string printable_json(std::string_view json) {
  return replaced(json, [](const Seen& s, std::string& out) {
    if (s.point < 0x20) return false;  // between its values; within texts JSON has escapes for them
    out += fmt::format("\\u{:04x}", s.point);
    return true;
  });
}

std::string shell_word(std::string_view text) {
  std::string out = "'";
  for (const char c : printable_line(text)) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace lemmy
