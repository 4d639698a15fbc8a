#include <fmt/format.h>

#include <algorithm>

#include "base/json_keys.h"
#include "base/strings.h"
#include "template/template.h"

namespace lemmy::tmpl {
namespace {

Error shown(const KeyTwice& twice, std::string_view text, const std::string& template_name) {
  std::string_view before = text.substr(0, twice.at);
  size_t line = std::count(before.begin(), before.end(), '\n') + 1;
  size_t column = twice.at - (before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1) + 1;
  return {ErrorCode::invalid, template_name,
          fmt::format("the key {} stands twice in one object, at line {} of the output", twice.key, line),
          "keep one of them", excerpt(text, line, column, twice.key.size())};
}

}  // namespace

Result<json::value> parse_rendered(const std::string& text, const std::string& template_name) {
  auto v = parse_json(text, template_name);
  if (v) {
    if (auto twice = key_twice(text)) return fail(shown(*twice, text, template_name));
    return v;
  }
  Error e = v.error();
  const auto [line, column] = place_of(e);
  const size_t prefix = e.what.rfind(": ");
  e.where = template_name;
  e.what = fmt::format("what it renders is not valid JSON, at line {} of the output: {}", line,
                       prefix == e.what.npos ? e.what : e.what.substr(prefix + 2));
  if (e.hint.empty()) e.hint = "look for a missing or extra comma, or a value without | tojson";
  e.detail = excerpt(text, line, column, 1);
  return fail(e);
}

}  // namespace lemmy::tmpl
