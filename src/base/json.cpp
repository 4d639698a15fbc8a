#include "base/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace lemmy {

static const json::value* walk(const json::value* at, std::initializer_list<std::string_view>::iterator key,
                               std::initializer_list<std::string_view>::iterator end) {
  for (; at && key != end; ++key) {
    const json::object* o = at->if_object();
    at = o ? o->if_contains(*key) : nullptr;
  }
  return at;
}

const json::value* find(const json::value& root, std::initializer_list<std::string_view> path) {
  return walk(&root, path.begin(), path.end());
}

const json::value* find(const json::object& root, std::initializer_list<std::string_view> path) {
  return path.size() == 0 ? nullptr : walk(root.if_contains(*path.begin()), path.begin() + 1, path.end());
}

const json::value* find(const json::object& root, std::string_view key) { return root.if_contains(key); }

std::string_view text_or(const json::object& o, std::string_view key, std::string_view otherwise) {
  const json::value* v = o.if_contains(key);
  const json::string* s = v ? v->if_string() : nullptr;
  return s ? std::string_view(*s) : otherwise;
}

int64_t int_or(const json::object& o, std::string_view key, int64_t otherwise) {
  const json::value* v = o.if_contains(key);
  if (!v) return otherwise;
  if (v->is_int64()) return v->get_int64();
  if (v->is_uint64() && v->get_uint64() <= INT64_MAX) return static_cast<int64_t>(v->get_uint64());
  return otherwise;
}

bool bool_or(const json::object& o, std::string_view key, bool otherwise) {
  const json::value* v = o.if_contains(key);
  return v && v->is_bool() ? v->get_bool() : otherwise;
}

json::value time_or_null(const std::optional<Time>& t) {
  return t ? json::value(format_time(*t)) : json::value(nullptr);
}

std::string plain_text(const json::value& scalar) {
  const double* d = scalar.if_double();
  if (!d) return json::serialize(scalar);
  std::string text = fmt::format("{}", *d);
  return text.find_first_not_of("-0123456789") == text.npos ? text + ".0" : text;
}

// 1e400 is read as infinity, which no JSON can say again.
static bool all_finite(const json::value& v) {
  if (const double* d = v.if_double()) return std::isfinite(*d);
  if (const json::array* a = v.if_array()) return std::ranges::all_of(*a, all_finite);
  if (const json::object* o = v.if_object())
    return std::ranges::all_of(*o, [](const auto& item) { return all_finite(item.value()); });
  return true;
}

// Where the number begins, in text that is JSON.
static size_t first_infinite(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      for (++i; i < text.size() && text[i] != '"'; ++i) i += text[i] == '\\';
      continue;
    }
    if (!std::string_view("-0123456789").contains(text[i])) continue;
    const size_t end = std::min(text.find_first_not_of("+-.0123456789eE", i), text.size());
    if (!std::isfinite(std::strtod(std::string(text.substr(i, end - i)).c_str(), nullptr))) return i;
    i = end - 1;
  }
  return 0;
}

static std::string place_in(const std::string& where, std::string_view text, size_t used) {
  size_t line = 1, column = 1;
  for (size_t i = 0; i < used && i < text.size(); ++i) {
    column = text[i] == '\n' ? 1 : column + 1;
    line += text[i] == '\n';
  }
  return fmt::format("{}:{}:{}", where, line, column);
}

std::string_view without_byte_order_mark(std::string_view text) {
  return text.starts_with("\xef\xbb\xbf") ? text.substr(3) : text;
}

Result<json::value> parse_json(std::string_view text, std::string where, size_t depth) {
  text = without_byte_order_mark(text);
  json::parse_options options;
  options.max_depth = depth;
  json::stream_parser parser({}, options);
  boost::system::error_code ec;
  size_t used = parser.write_some(text.data(), text.size(), ec);
  if (!ec && used < text.size() && text.find_first_not_of(" \t\r\n", used) != text.npos)
    ec = json::error::extra_data;
  if (!ec) parser.finish(ec);
  if (!ec) {
    json::value v = parser.release();
    if (all_finite(v)) return v;
    return fail(ErrorCode::invalid, place_in(where, text, first_infinite(text)),
                "a number in it is too large", "write a smaller one, or a text in quotation marks");
  }
  return fail(ErrorCode::invalid, place_in(where, text, used),
              fmt::format("this is not valid JSON: {}", ec.message()));
}

std::pair<size_t, size_t> place_of(const Error& error) {
  const std::string_view where = error.where;
  const size_t last = where.rfind(':');
  const size_t first = last == where.npos || last == 0 ? where.npos : where.rfind(':', last - 1);
  if (first == where.npos) return {1, 1};
  auto number = [](std::string_view digits) {
    return std::max<size_t>(1, std::strtoul(std::string(digits).c_str(), nullptr, 10));
  };
  return {number(where.substr(first + 1, last - first - 1)), number(where.substr(last + 1))};
}

namespace {
void write_pretty(std::string& out, const json::value& value, int indent) {
  auto newline = [&](int n) { out.append("\n").append(n * 2, ' '); };
  if (const json::object* o = value.if_object(); o && !o->empty()) {
    out += '{';
    bool first = true;
    for (const auto& [key, item] : *o) {
      if (!std::exchange(first, false)) out += ',';
      newline(indent + 1);
      out += json::serialize(key);
      out += ": ";
      write_pretty(out, item, indent + 1);
    }
    newline(indent);
    out += '}';
  } else if (const json::array* a = value.if_array(); a && !a->empty()) {
    out += '[';
    bool first = true;
    for (const json::value& item : *a) {
      if (!std::exchange(first, false)) out += ',';
      newline(indent + 1);
      write_pretty(out, item, indent + 1);
    }
    newline(indent);
    out += ']';
  } else {
    out += plain_text(value);
  }
}
}  // namespace

std::string pretty_json(const json::value& value) {
  std::string out;
  write_pretty(out, value, 0);
  return out;
}

}  // namespace lemmy
