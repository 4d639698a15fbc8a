#pragma once
// Text of strangers, made fit to be read: what would steer a terminal (ECMA-48: C0, C1, DEL) or the order in
// which a line is shown (Unicode UAX #9: embeddings, overrides, isolates; line and paragraph separators) is
// shown, not obeyed: "<U+202E>". All pure; broken UTF-8 becomes U+FFFD.
#include <string>
#include <string_view>

namespace lemmy {

std::string printable(std::string_view text);       // line ends and tabs stay, other controls become blanks
std::string printable_line(std::string_view text);  // for one line: they become blanks too
// Only the order of lines, for what is escaped already: HTML.
std::string in_order(std::string_view html);
// JSON with the same value, in which all of them are escapes.
std::string printable_json(std::string_view json);

// As one word of a command that people copy into a shell, on one line.
std::string shell_word(std::string_view text);

}  // namespace lemmy
