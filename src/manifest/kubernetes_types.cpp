#include "manifest/kubernetes_types.h"

#include "base/json.h"
#include "manifest/embedded.h"
#include "manifest/kubernetes_schema.h"

namespace lemmy::manifest {

static std::vector<std::string> texts(const json::value& list) {
  std::vector<std::string> out;
  for (const json::value& v : list.as_array()) out.emplace_back(v.as_string());
  return out;
}

const Types& kubernetes() {
  static const Types kTypes = [] {
    const json::value all = json::parse(embedded().front().text);
    Types s;
    s.version = json::value_to<std::string>(all.at("version"));
    for (const auto& [kind, type] : all.at("kinds").as_object())
      s.kinds[std::string(kind)] = std::string(type.as_string());
    for (const auto& [name, described] : all.at("types").as_object()) {
      Type& t = s.types[std::string(name)];
      for (const auto& [field, type] : described.at("fields").as_object()) {
        t.fields[std::string(field)] = std::string(type.as_string());
        t.names.emplace_back(field);
      }
      if (const json::value* r = described.as_object().if_contains("required")) t.required = texts(*r);
      if (const json::value* k = described.as_object().if_contains("keys"))
        for (const auto& [field, keys] : k->as_object()) t.keys[std::string(field)] = texts(keys);
      if (const json::value* e = described.as_object().if_contains("enums"))
        for (const auto& [field, values] : e->as_object()) t.enums[std::string(field)] = texts(values);
    }
    return s;
  }();
  return kTypes;
}

std::string_view type_of_field(std::string_view type, std::string_view field) {
  const auto of = kubernetes().types.find(type);
  if (of == kubernetes().types.end()) return {};
  const auto found = of->second.fields.find(field);
  return found == of->second.fields.end() ? std::string_view() : found->second;
}

const std::vector<std::string>& fields_of(std::string_view type) {
  static const std::vector<std::string> none;
  const auto found = kubernetes().types.find(type);
  return found == kubernetes().types.end() ? none : found->second.names;
}

std::string_view schema_version() { return kubernetes().version; }

}  // namespace lemmy::manifest
