#include "manifest/final_schema.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/json.h"
#include "base/strings.h"
#include "manifest/final_parts.h"
#include "manifest/kubernetes_schema.h"
#include "template/schema_words.h"

namespace lemmy::manifest {
namespace {

// Types of the final JSON's own, beside those of kubernetes_schema.json. Empty: anything.
constexpr std::string_view kFinal = "final", kService = "service", kAutoscale = "autoscale";

Keys keys_of(std::string_view type) {
  if (type == kFinal) return final_keys();
  if (type == kService) return service_keys();
  if (type == kAutoscale) return kAutoscaleKeys;
  return fields_of(type);
}

std::string_view type_below(std::string_view type, std::string_view key) {
  if (type == kFinal) {
    if (key == kService || key == kAutoscale) return key == kService ? kService : kAutoscale;
    return type_of_field("core.v1.PodSpec", key);
  }
  if (type == kService) return type_of_field("core.v1.ServiceSpec", key);
  if (type == kAutoscale) return type_of_field("autoscaling.v2.HorizontalPodAutoscalerSpec", key);
  return type_of_field(type, key);
}

std::string_view type_of(std::string_view type, const tmpl::Subschema& below) {
  const std::string_view word = below.keyword;
  if (word == "properties") return type_below(type, below.key);
  const bool of_items = word.ends_with("tems") || word == "contains";
  if (of_items) return type.starts_with("[]") ? type.substr(2) : std::string_view();
  if (word == "additionalProperties" || word == "patternProperties" || word == "unevaluatedProperties")
    return type.starts_with("{}") ? type.substr(2) : std::string_view();
  const bool of_the_same = word.ends_with("Of") || word == "not" || word == "if" || word == "then" ||
                           word == "else" || word == "dependentSchemas" || word == "dependencies";
  return of_the_same ? type : std::string_view();
}

class Check {
 public:
  explicit Check(std::string name) : name_(std::move(name)) {}

  Result<> walk(const json::value& schema, std::string_view type, const std::string& at) const {
    const json::object* o = schema.if_object();
    if (!o) return {};
    for (const std::string_view word :
         {"properties", "dependentSchemas", "dependencies", "dependentRequired"})
      if (const json::value* v = o->if_contains(word); v && v->is_object())
        for (const auto& [key, value] : v->get_object())
          if (auto ok = look(key, type, tmpl::pointer_to(at, {std::string(word), key, nullptr})); !ok)
            return ok;
    if (const json::value* v = o->if_contains("required"); v && v->is_array())
      for (const json::value& key : v->get_array())
        if (key.is_string())
          if (auto ok = look(key.get_string(), type, at + "/required"); !ok) return ok;
    for (const tmpl::Subschema& below : tmpl::subschemas(*o))
      if (auto ok = walk(*below.schema, type_of(type, below), tmpl::pointer_to(at, below)); !ok) return ok;
    return {};
  }

 private:
  Result<> look(std::string_view key, std::string_view type, const std::string& at) const {
    const Keys known = keys_of(type);
    if (known.empty() || std::ranges::find(known, key) != known.end()) return {};
    const auto near = nearest(key, known);
    // The final JSON is refused with a key of its own that is not known, and a newer Kubernetes may have
    // more.
    if (!near && type != kFinal && type != kService) return {};
    return fail(ErrorCode::invalid, name_,
                fmt::format("{}: there is no '{}' here, so this allows everything", at, key),
                near ? fmt::format("did you mean '{}'?", *near) : "there are: " + join(known, ", "));
  }

  const std::string name_;
};

}  // namespace

Result<> check_schema_names(const std::string& name, const std::string& text) {
  auto schema = parse_json(std::string(without_byte_order_mark(text)), name);
  if (!schema) return fail(schema.error());
  return Check(name).walk(*schema, kFinal, "");
}

}  // namespace lemmy::manifest
