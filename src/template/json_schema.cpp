#include "template/json_schema.h"

#include <fmt/format.h>

#include "base/json_keys.h"
#include "base/strings.h"
#include "template/crate.h"
#include "template/schema_words.h"

extern "C" {
void* lemmy_schema_create(const unsigned char* text, size_t size, lemmy_jinja_text* error);
bool lemmy_schema_check(const void* schema, const unsigned char* value, size_t size, lemmy_jinja_text* out);
void lemmy_schema_drop(void* schema);
}

namespace lemmy::tmpl {

// RFC 6901.
static std::vector<std::string> steps_of(std::string_view pointer) {
  std::vector<std::string> out;
  if (pointer.empty()) return out;
  for (std::string_view part : split(pointer.substr(1), '/')) {
    std::string key;
    for (size_t i = 0; i < part.size(); ++i) {
      const bool escaped = part[i] == '~' && i + 1 < part.size();
      key += escaped ? (part[++i] == '1' ? '/' : '~') : part[i];
    }
    out.push_back(std::move(key));
  }
  return out;
}

Result<std::shared_ptr<const JsonSchema>> JsonSchema::create(const std::string& name,
                                                             const std::string& text) {
  const std::string plain(without_byte_order_mark(text));
  // Our own reader says where a text is no JSON, and refuses keys that stand twice.
  auto parsed = parse_json(plain, name);
  if (!parsed) return fail(parsed.error());
  if (auto twice = key_twice(plain))
    return fail(ErrorCode::invalid, name, fmt::format("the key {} stands twice in one object", twice->key),
                "keep one of them");
  if (auto wrong = wrong_keyword(*parsed))
    return fail(ErrorCode::invalid, name, fmt::format("{}: {}", wrong->where, wrong->what), wrong->hint);
  lemmy_jinja_text error{};
  void* handle = lemmy_schema_create(bytes(plain), plain.size(), &error);
  if (!handle) return fail(ErrorCode::invalid, name, "it is no JSON Schema: " + take(error));
  return std::shared_ptr<const JsonSchema>(new JsonSchema(handle));
}

JsonSchema::~JsonSchema() { lemmy_schema_drop(handle_); }

Result<std::vector<JsonSchema::Fault>> JsonSchema::check(const json::value& value) const {
  const std::string text = json::serialize(value);
  lemmy_jinja_text out{};
  const bool ok = lemmy_schema_check(handle_, bytes(text), text.size(), &out);
  const std::string told = take(out);
  auto list = ok ? parse_json(told, "schema") : fail(ErrorCode::internal, "schema", told);
  if (!list) return fail(list.error());
  std::vector<Fault> faults;
  for (const json::value& v : list->as_array())
    faults.push_back({steps_of(text_or(v.as_object(), "path")), std::string(text_or(v.as_object(), "what"))});
  return faults;
}

}  // namespace lemmy::tmpl
