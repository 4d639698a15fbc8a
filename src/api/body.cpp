// What callers send, and what OpenAPI says of it.
#include <fmt/format.h>

#include <algorithm>

#include "api/common.h"
#include "base/strings.h"
#include "domain/names.h"

namespace lemmy::api {

Result<> check_text(std::string_view where, const std::string& text, size_t most) {
  if (text.size() <= most) return {};
  return fail(ErrorCode::invalid, std::string(where), fmt::format("{} bytes are too long", text.size()),
              fmt::format("at most {} bytes", most));
}

Result<std::string> idempotency_key(const net::Request& request) {
  std::string key(trim(net::header(request.headers, "Idempotency-Key")));
  if (auto ok = check_text("Idempotency-Key", key, 128); !ok) return fail(ok.error());
  if (std::any_of(key.begin(), key.end(), [](unsigned char c) { return c <= 0x20 || c >= 0x7f; }))
    return fail(ErrorCode::invalid, "Idempotency-Key", "the key has characters that are not allowed",
                "printable ASCII without spaces, such as a UUID");
  return key;
}

Result<std::string> body_text(const json::object& body, std::string_view key) {
  const json::value* v = body.if_contains(key);
  if (!v || v->is_null()) return std::string();
  if (!v->is_string()) return fail(ErrorCode::invalid, std::string(key), "the field must be a text");
  return std::string(v->get_string());
}

Result<bool> body_bool(const json::object& body, std::string_view key) {
  const json::value* v = body.if_contains(key);
  if (!v || v->is_null()) return false;
  if (v->is_bool()) return v->get_bool();
  if (v->is_string() && v->get_string() == "true") return true;
  if (v->is_string() && v->get_string() == "false") return false;
  return fail(ErrorCode::invalid, std::string(key), "the field must be true or false");
}

Result<std::optional<int64_t>> body_number(const json::object& body, std::string_view key) {
  const json::value* v = body.if_contains(key);
  if (!v || v->is_null()) return std::nullopt;
  std::optional<int64_t> n;
  if (v->is_int64()) n = v->get_int64();
  if (v->is_string()) n = whole_number(v->get_string());
  if (!n || *n < 0)
    return fail(ErrorCode::invalid, std::string(key), "the field must be a whole number from 0");
  return n;
}

Result<> check_keys(const json::object& body, std::vector<std::string> known) {
  for (const auto& [key, value] : body) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    auto near = nearest(key, known);
    return fail(ErrorCode::invalid, shorten(key, 64), "this field is not known",
                near ? fmt::format("did you mean '{}'?", *near) : "there are: " + join(known, ", "));
  }
  return {};
}

Result<std::string> body_build(const json::object& body) {
  auto build = body_text(body, "build");
  if (!build) return build;
  if (auto ok = check_sha(*build); !ok) {
    Error e = ok.error();
    e.where = "build";
    return fail(std::move(e));
  }
  return build;
}

Result<std::string> body_reason(const json::object& body) {
  auto reason = body_text(body, "reason");
  if (!reason) return reason;
  if (auto ok = check_text("reason", *reason, 1000); !ok) return fail(ok.error());
  return reason;
}

Result<std::vector<std::string>> body_names(const json::object& body, std::string_view key) {
  std::vector<std::string> out;
  const json::value* v = body.if_contains(key);
  const Error wrong{ErrorCode::invalid, std::string(key), "the field must be a list of names"};
  if (v && v->is_string()) {
    for (std::string_view name : split(v->get_string(), ','))
      if (!trim(name).empty()) out.emplace_back(trim(name));
    return out;
  }
  if (!v || !v->is_array()) return fail(wrong);
  for (const json::value& name : v->get_array()) {
    if (!name.is_string()) return fail(wrong);
    out.emplace_back(name.get_string());
  }
  return out;
}

json::object text_schema(std::string_view about) { return {{"type", "string"}, {"description", about}}; }

json::object key_parameter() {
  return {{"name", "Idempotency-Key"},
          {"in", "header"},
          {"description", "the same key again gives the same deploy"},
          {"schema", {{"type", "string"}}}};
}

}  // namespace lemmy::api
