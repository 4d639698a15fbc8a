#pragma once
// Readers for boost::json values whose shape is not known. None of them throws; all return a default when the
// value is absent or of another type.
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/time.h"

namespace lemmy {

namespace json = boost::json;

// Walks a path of object keys; nullptr when any part is missing.
const json::value* find(const json::value& root, std::initializer_list<std::string_view> path);
// Not by way of a value, which would be a copy that is gone at once.
const json::value* find(const json::object& root, std::initializer_list<std::string_view> path);
const json::value* find(const json::object& root, std::string_view key);

// A number as people write it: 0.5 and 10.0, not 5E-1 and 1E1; other values as JSON.
std::string plain_text(const json::value& scalar);

std::string_view text_or(const json::object& o, std::string_view key, std::string_view otherwise = "");
int64_t int_or(const json::object& o, std::string_view key, int64_t otherwise = 0);
bool bool_or(const json::object& o, std::string_view key, bool otherwise = false);

// The value for a JSON field: RFC 3339 text, or null.
json::value time_or_null(const std::optional<Time>& t);

// Without the byte order mark of UTF-8 that may stand before JSON, and is to be ignored (RFC 8259, 8.1).
std::string_view without_byte_order_mark(std::string_view text);
// RFC 8259, at most `depth` levels. A byte order mark before it is ignored. Errors: invalid,
// "where:line:column".
Result<json::value> parse_json(std::string_view text, std::string where, size_t depth = 64);
// Line and column, from 1, of an error of parse_json.
std::pair<size_t, size_t> place_of(const Error& error);
// Two spaces an indent, key order kept.
std::string pretty_json(const json::value& value);

}  // namespace lemmy
