#include <fmt/format.h>

#include "base/strings.h"
#include "route/router.h"

namespace lemmy::route {

// https://spec.openapis.org/oas/v3.1.0
json::object openapi(const std::vector<Route>& routes, std::string_view version) {
  json::object paths;
  for (const Route& r : routes) {
    if (r.kind == Kind::page) continue;
    json::object operation{{"summary", r.summary}, {"x-who", name(r.who)}};
    std::string id = lower(r.method);
    json::array parameters;
    for (std::string_view s : split(std::string_view(r.pattern).substr(1), '/')) {
      std::string_view word = s;
      if (s.starts_with('{')) {
        word = s.substr(1, s.size() - 2);
        parameters.push_back(
            {{"name", word}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
      }
      id += '_';
      for (char c : word) id += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
    }
    operation["operationId"] = id;
    if (!parameters.empty()) operation["parameters"] = parameters;
    if (r.who == Who::anyone) operation["security"] = json::array{};
    operation["responses"] = json::object{
        {"default",
         {{"description", "An error, as problem+json (RFC 9457)"},
          {"content",
           {{"application/problem+json", {{"schema", {{"$ref", "#/components/schemas/Problem"}}}}}}}}}};
    for (const auto& [key, value] : r.openapi) {
      if (key == "parameters" && value.is_array()) {
        json::array& all = operation["parameters"].is_array() ? operation["parameters"].get_array()
                                                              : operation["parameters"].emplace_array();
        for (const json::value& p : value.get_array()) all.push_back(p);
      } else if (key == "responses" && value.is_object()) {
        for (const auto& [status, what] : value.get_object())
          operation["responses"].get_object()[status] = what;
      } else {
        operation[key] = value;
      }
    }
    json::value& path = paths[r.pattern];
    if (!path.is_object()) path.emplace_object();
    path.get_object()[lower(r.method)] = std::move(operation);
  }
  json::object text{{"type", "string"}};
  return {{"openapi", "3.1.0"},
          {"info", {{"title", "Lemmy"}, {"version", version}}},
          {"security", json::array{json::object{{"token", json::array{}}}}},
          {"paths", std::move(paths)},
          {"components",
           {{"securitySchemes", {{"token", {{"type", "http"}, {"scheme", "bearer"}}}}},
            {"schemas",
             {{"Problem",
               {{"type", "object"},
                {"properties",
                 {{"type", text},
                  {"title", text},
                  {"status", {{"type", "integer"}}},
                  {"detail", text},
                  {"instance", text},
                  {"where", text},
                  {"hint", text},
                  {"excerpt", text}}}}}}}}}};
}

}  // namespace lemmy::route
