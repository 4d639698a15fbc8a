#include "api/common.h"
#include "domain/addresses.h"

#include <fmt/format.h>

namespace lemmy::api {

constexpr size_t kWarnings = 3;

Result<int64_t> int_query(const net::Request& request, std::string_view name, int64_t otherwise,
                          int64_t least, int64_t most) {
  const std::string_view text = request.query_value(name);
  if (text.empty()) return otherwise;
  const auto value = whole_number(text);
  if (!value || *value < least || *value > most)
    return fail(ErrorCode::invalid, std::string(name), "this is not a number in range",
                fmt::format("{} to {}", least, most));
  return *value;
}

Result<bool> bool_query(const net::Request& request, std::string_view name) {
  const std::string_view text = request.query_value(name);
  if (text.empty() || text == "false" || text == "0") return false;
  if (text == "true" || text == "1") return true;
  return fail(ErrorCode::invalid, std::string(name), "this is neither true nor false");
}

Result<store::Page> page_of(const net::Request& request) {
  auto limit = int_query(request, "limit", 50, 1, 1000);
  if (!limit) return fail(limit.error());
  return store::Page{static_cast<int>(*limit), std::string(request.query_value("after"))};
}

Result<int64_t> number_of(const route::Call& call) {
  if (auto number = deploy_number(call.param("number"))) return *number;
  return fail(ErrorCode::invalid, "number", "the number of a deploy counts from 1");
}

json::array warnings(const live::Services& services, const access::Identity& who) {
  const std::string told = "the configuration has a problem";
  json::array out;
  for (const json::value& v : services.board->frame().at("problems").as_array()) {
    if (!who.projects.empty()) return {json::string(told + ": ask who may see all of it")};
    if (out.size() == kWarnings) break;
    const json::object& o = v.as_object();
    out.push_back(json::string(fmt::format("{}: {}: {}", told, text_or(o, "where"), text_or(o, "what"))));
  }
  return out;
}

net::Response problem(const route::Call& call, const Error& error) {
  return route::problem(error, call.request.path);
}

std::string deploy_path(const Target& target, int64_t number) {
  return std::string(kApi) + deploy_address(target, number);
}

json::object query_parameter(std::string_view name, std::string_view type, std::string_view about) {
  return {{"name", name}, {"in", "query"}, {"description", about}, {"schema", {{"type", type}}}};
}

json::array page_parameters() {
  return {query_parameter("limit", "integer", "1 to 1000; 50 unless given"),
          query_parameter("after", "string", "`next` of the page before")};
}

json::object ok_response(std::string_view status, std::string_view about, std::string_view schema) {
  json::object schema_of{{"type", "object"}};
  if (!schema.empty()) schema_of = {{"$ref", "#/components/schemas/" + std::string(schema)}};
  return {{status, {{"description", about}, {"content", {{"application/json", {{"schema", schema_of}}}}}}}};
}

json::object json_body(json::object properties, json::array required) {
  json::object schema{{"type", "object"}, {"properties", std::move(properties)}};
  json::object body{{"required", !required.empty()}};
  if (!required.empty()) schema["required"] = std::move(required);
  body["content"] = json::object{{"application/json", {{"schema", std::move(schema)}}}};
  return body;
}

void add_routes(route::Router& router, live::Services services) {
  auto shared = std::make_shared<const live::Services>(std::move(services));
  add_projects(router, shared);
  add_deploys(router, shared);
  add_instances(router, shared);
  add_dry_runs(router, shared);
  add_releases(router, shared);
  add_feed(router, shared);
  add_events(router, shared);
  add_system(router, shared);
}

}  // namespace lemmy::api
