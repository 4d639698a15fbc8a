#pragma once
// Inside room api: what schemas of OpenAPI are made of.
#include "api/common.h"

namespace lemmy::api::schema {

inline json::object of(std::string_view type) { return {{"type", type}}; }
inline json::object maybe(std::string_view type) { return {{"type", json::array{type, "null"}}}; }
inline json::object at_time() { return {{"type", "string"}, {"format", "date-time"}}; }
inline json::object maybe_time() {
  return {{"type", json::array{"string", "null"}}, {"format", "date-time"}};
}
inline json::object ref(std::string_view name) {
  return {{"$ref", "#/components/schemas/" + std::string(name)}};
}
inline json::object list(json::object items) { return {{"type", "array"}, {"items", std::move(items)}}; }
inline json::object object(json::object properties) {
  return {{"type", "object"}, {"properties", std::move(properties)}};
}
inline json::object one_of(std::initializer_list<std::string_view> names) {
  json::array all;
  for (std::string_view n : names) all.emplace_back(n);
  return {{"type", "string"}, {"enum", std::move(all)}};
}
inline json::object maybe_ref(std::string_view name) {
  return {{"oneOf", json::array{ref(name), of("null")}}};
}

// Deploy, and what tells of one deploy or of several.
void add_deploy_schemas(json::object& out);

}  // namespace lemmy::api::schema
