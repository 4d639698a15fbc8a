#include "playground/status.h"

#include <fmt/format.h>

namespace lemmy::playground {
namespace {
json::object details(const Resource& r, const std::string& name) {
  json::object d{{"name", name}};
  if (!r.group.empty()) d["group"] = r.group;
  d["kind"] = r.name;
  return d;
}
}  // namespace

json::object Failure::status() const {
  json::object o{{"kind", "Status"},
                 {"apiVersion", "v1"},
                 {"metadata", json::object{}},
                 {"status", "Failure"},
                 {"message", message}};
  if (!reason.empty()) o["reason"] = reason;
  if (!details.empty()) o["details"] = details;
  o["code"] = code;
  return o;
}

Failure not_found(const Resource& r, const std::string& name) {
  return {404, "NotFound", fmt::format("{} \"{}\" not found", r.qualified(), name), details(r, name)};
}
Failure already_exists(const Resource& r, const std::string& name) {
  return {409, "AlreadyExists", fmt::format("{} \"{}\" already exists", r.qualified(), name),
          details(r, name)};
}
Failure conflict(const Resource& r, const std::string& name, const std::string& why) {
  return {409, "Conflict",
          fmt::format("Operation cannot be fulfilled on {} \"{}\": {}", r.qualified(), name, why),
          details(r, name)};
}
Failure forbidden(const Resource& r, const std::string& name, const std::string& why) {
  return {403, "Forbidden", fmt::format("{} \"{}\" is forbidden: {}", r.qualified(), name, why),
          details(r, name)};
}

Failure invalid(const Resource& r, const std::string& name, std::vector<Cause> causes) {
  json::array listed;
  std::string text;
  for (const Cause& c : causes) {
    listed.push_back({{"reason", c.reason}, {"message", c.message}, {"field", c.field}});
    text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", c.field, c.message);
  }
  if (causes.size() > 1) text = "[" + text + "]";
  std::string kind = r.group.empty() ? std::string(r.type) : std::string(r.type) + "." + std::string(r.group);
  json::object d = details(r, name);
  d["kind"] = r.type;
  d["causes"] = std::move(listed);
  return {422, "Invalid", fmt::format("{} \"{}\" is invalid: {}", kind, name, text), std::move(d)};
}

Failure bad_request(std::string message) { return {400, "BadRequest", std::move(message), {}}; }
Failure expired(std::string message) { return {410, "Expired", std::move(message), {}}; }
Failure internal(std::string message) { return {500, "", std::move(message), {}}; }
Failure no_such_path() {
  return {404, "NotFound", "the server could not find the requested resource", json::object{}};
}

}  // namespace lemmy::playground
