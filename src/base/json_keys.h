#pragma once
// Keys that stand twice in JSON: the parser takes the last, so a reader of one half would be told another
// story.
#include <optional>
#include <string>
#include <string_view>

namespace lemmy {

struct KeyTwice {
  std::string key;  // as written, with its quotation marks
  size_t at;        // of the second
};
// The first key that stands twice in an object of `text`, which is valid JSON. A key is the same however it
// is escaped.
std::optional<KeyTwice> key_twice(std::string_view text);

}  // namespace lemmy
