#include <fmt/format.h>

#include "base/json_keys.h"
#include "base/strings.h"
#include "route/router.h"

namespace lemmy::route {

net::Response json_response(const json::value& value, int status) {
  net::Response r;
  r.status = status;
  r.headers.emplace("Content-Type", "application/json");
  r.body = json::serialize(value) + "\n";
  return r;
}

// RFC 9457. `type` names the code; where, hint and excerpt are extensions.
net::Response problem(const Error& error, std::string_view instance) {
  json::object o{{"type", "urn:lemmy:error:" + std::string(name(error.code))},
                 {"title", title(error.code)},
                 {"status", http_status(error.code)},
                 {"detail", error.what}};
  if (!instance.empty()) o["instance"] = instance;
  if (!error.where.empty()) o["where"] = valid_utf8(error.where);
  if (!error.hint.empty()) o["hint"] = valid_utf8(error.hint);
  if (!error.detail.empty()) o["excerpt"] = valid_utf8(error.detail);
  o["detail"] = valid_utf8(error.what);
  net::Response r = json_response(o, http_status(error.code));
  r.headers.erase("Content-Type");
  r.headers.emplace("Content-Type", "application/problem+json");
  if (error.code == ErrorCode::unavailable || error.code == ErrorCode::timeout)
    r.headers.emplace("Retry-After", "5");
  if (error.code == ErrorCode::rate_limited) r.headers.emplace("Retry-After", "10");
  return r;
}

Result<json::object> body_object(const net::Request& request) {
  const std::string_view body = without_byte_order_mark(request.body);
  const std::string type = net::media_type(request.headers);
  if (const auto coding = trim(net::header(request.headers, "Content-Encoding"));
      !coding.empty() && lower(coding) != "identity")
    return fail(ErrorCode::invalid, "Content-Encoding", "a body that is compressed is not taken",
                "send it as it is");
  // `curl -d` says form of whatever it sends. No form begins so; no page of a browser gets to a hook.
  const bool says_wrongly = request.path.starts_with("/hooks/") && trim(body).starts_with('{');
  if (type == net::kForm && !says_wrongly) {
    auto form = net::parse_form(request.body);
    if (!form) return fail(form.error());
    json::object o;
    for (auto& [k, v] : *form) o[valid_utf8(k)] = valid_utf8(v);
    return o;
  }
  if (trim(body).empty()) return json::object{};
  auto v = parse_json(body, "body");
  if (!v && type.starts_with("multipart/"))
    return fail(ErrorCode::invalid, "Content-Type", type + " is not taken",
                "send JSON, or a form as application/x-www-form-urlencoded (curl -d, not -F)");
  if (!v) return fail(v.error());
  if (!v->is_object()) return fail(ErrorCode::invalid, "body", "a JSON object is expected");
  if (auto twice = key_twice(body))
    return fail(ErrorCode::invalid, "body",
                fmt::format("the key {} stands twice in one object", shorten(twice->key, 80)),
                "send it once");
  return std::move(v->get_object());
}

}  // namespace lemmy::route
