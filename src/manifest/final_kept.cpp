#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "manifest/final.h"
#include "manifest/kubernetes_schema.h"

namespace lemmy::manifest {
namespace {

// Whether all that is asked for is there: a standard may add keys and elements.
bool has(const json::value& there, const json::value& asked) {
  if (asked.is_null()) return true;
  if (const json::object* o = asked.if_object()) {
    const json::object* in = there.if_object();
    return in && std::ranges::all_of(*o, [&](const auto& field) {
             const json::value* v = in->if_contains(field.key());
             return field.value().is_null() || (v && has(*v, field.value()));
           });
  }
  if (const json::array* list = asked.if_array()) {
    const json::array* in = there.if_array();
    return in && std::ranges::all_of(*list, [&](const json::value& one) {
             return std::ranges::any_of(*in, [&](const json::value& other) { return has(other, one); });
           });
  }
  if (asked.is_number() && there.is_number())
    return asked == there || asked.to_number<double>() == there.to_number<double>();
  return asked == there;
}

// Of `asked`, the first field that `there` lacks or has otherwise.
std::optional<NotKept> first(const json::object* asked, const json::object* there, const std::string& under,
                             const std::function<bool(std::string_view)>& looked_at) {
  if (!asked) return {};
  for (const auto& [name, value] : *asked) {
    if (value.is_null() || !looked_at(name)) continue;
    const json::value* v = there ? there->if_contains(name) : nullptr;
    if (!v) return NotKept{under + std::string(name), true};
    if (!has(*v, value)) return NotKept{under + std::string(name), false};
  }
  return {};
}

const json::object* below(const json::object& o, std::initializer_list<std::string_view> path) {
  const json::value* v = find(o, path);
  return v ? v->if_object() : nullptr;
}

std::optional<NotKept> of_pod(const json::object& final, const json::object& rendered) {
  const auto& fields = fields_of("core.v1.PodSpec");
  // What there always was a standard may have its own way with.
  auto out = first(&final, below(rendered, {"spec", "template", "spec"}), "", [&](std::string_view field) {
    return field != "containers" && field != "volumes" && std::ranges::find(fields, field) != fields.end();
  });
  return out;
}

std::optional<NotKept> of_service(const json::object& asked, const json::object& rendered) {
  auto is_meta = [](std::string_view name) { return name == "annotations" || name == "labels"; };
  auto out = first(&asked, below(rendered, {"metadata"}), "service.", is_meta);
  if (out) return out;
  return first(&asked, below(rendered, {"spec"}), "service.",
               [&](std::string_view name) { return !is_meta(name); });
}

std::optional<NotKept> of_autoscaler(const json::object& asked, const json::object& rendered) {
  return first(&asked, below(rendered, {"spec"}), "autoscale.",
               [](std::string_view name) { return name == "metrics" || name == "behavior"; });
}

}  // namespace

std::optional<NotKept> not_kept(const json::object& final, Role role, const json::object& rendered) {
  if (role == Role::controller) return of_pod(final, rendered);
  if (role == Role::service)
    if (const json::object* asked = below(final, {"service"})) return of_service(*asked, rendered);
  if (role == Role::autoscaler)
    if (const json::object* asked = below(final, {"autoscale"})) return of_autoscaler(*asked, rendered);
  return {};
}

}  // namespace lemmy::manifest
