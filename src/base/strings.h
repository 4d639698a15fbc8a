#pragma once
// Small string helpers that every room may use. All pure.
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lemmy {

std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
std::string lower(std::string_view text);  // ASCII only
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string join_and(std::span<const std::string> parts);  // "a, b and c"
// At most `bytes` bytes, cut at a UTF-8 boundary, with an ellipsis when something was cut.
std::string shorten(std::string_view text, size_t bytes);
// Invalid UTF-8 becomes U+FFFD, so that it can be stored and shown.
std::string valid_utf8(std::string_view text);

// All of the text as one decimal number; nullopt: it is something else too, or does not fit.
std::optional<int64_t> whole_number(std::string_view text);

std::string to_hex(std::string_view bytes);
std::optional<std::string> from_hex(std::string_view hex);
std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);  // standard alphabet, padding needed
// RFC 7515: the alphabet of URLs, no padding, and nothing else in between.
std::string to_base64url(std::string_view bytes);  // RFC 4648 section 5, without padding
std::optional<std::string> from_base64url(std::string_view text);

// Lines line-2 .. line+2 with their numbers, and a mark of that width under `column` (from 1; 0: no mark).
std::string excerpt(std::string_view text, size_t line, size_t column, size_t width = 1);

// The nearest candidate when it is near enough to be a typing error, for "did you mean".
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace lemmy
