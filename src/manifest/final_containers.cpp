#include <fmt/format.h>

#include "base/strings.h"
#include "manifest/final_parts.h"

namespace lemmy::manifest {

// Kubernetes takes a list of {name, value}; people write {"NAME": "value"}.
Result<> normalise_env(json::object& container, Keys where) {
  json::value* env = container.if_contains("env");
  if (!env || env->is_array() || env->is_null()) return {};
  where.push_back("env");
  if (!env->is_object()) return bad(where, "an object or a list is expected", R"({"NAME": "value"})");
  json::array list;
  for (const auto& [name, value] : env->get_object()) {
    std::string text;
    if (value.is_string()) {
      text = std::string(value.get_string());
    } else if (value.is_number() || value.is_bool()) {
      text = plain_text(value);
    } else if (const json::object* o = value.if_object(); o && o->size() == 1 && o->contains("valueFrom")) {
      list.push_back({{"name", name}, {"valueFrom", o->at("valueFrom")}});
      continue;
    } else {
      where.emplace_back(name);
      return bad(where, "a text, number, true/false or {\"valueFrom\": ...} is expected",
                 "{{ VALUE | tojson | tojson }} makes a text");
    }
    list.push_back({{"name", name}, {"value", text}});
  }
  *env = std::move(list);
  return {};
}

namespace {

std::string scalar_text(const json::value& v) {
  return v.is_string() ? std::string(v.get_string()) : plain_text(v);
}

// https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
Result<> check_resources(const json::object& container, Keys where) {
  const json::value* resources = find(container, "resources");
  if (!resources || resources->is_null()) return {};
  where.push_back("resources");
  if (!resources->is_object())
    return bad(where, "an object is expected", R"({"requests": {"cpu": "500m", "memory": "256Mi"}})");
  for (const char* kind : {"requests", "limits"}) {
    const json::value* all = find(resources->get_object(), kind);
    if (!all || all->is_null()) continue;
    where.emplace_back(kind);
    if (!all->is_object())
      return bad(where, "an object is expected", R"({"cpu": "500m", "memory": "256Mi"})");
    for (const auto& [name, amount] : all->get_object()) {
      where.emplace_back(name);
      if (!amount.is_string() && !amount.is_number())
        return bad(where, "a quantity is expected", "such as \"256Mi\"");
      if (auto wrong = wrong_quantity(name, scalar_text(amount))) return bad(where, *wrong);
      where.pop_back();
    }
    where.pop_back();
  }
  const json::value* requests = find(resources->get_object(), "requests");
  const json::value* limits = find(resources->get_object(), "limits");
  if (!requests || !limits || requests->is_null() || limits->is_null()) return {};
  for (const auto& [name, amount] : requests->get_object()) {
    const json::value* limit = limits->get_object().if_contains(name);
    const double least = quantity(scalar_text(amount)).value_or(0);
    // 700m and 0.7 are the same, though not as doubles.
    if (!limit || least <= quantity(scalar_text(*limit)).value_or(0) * (1 + kAlike)) continue;
    where.insert(where.end(), {"requests", std::string(name)});
    return bad(where,
               fmt::format("{} is more than the limit of {}", scalar_text(amount), scalar_text(*limit)),
               "a request is at most the limit");
  }
  return {};
}

Result<> check_env(const json::object& container, Keys where) {
  const json::value* env = container.if_contains("env");
  if (!env || !env->is_array()) return {};
  where.push_back("env");
  std::set<std::string_view> seen;
  for (const json::value& v : env->get_array()) {
    const std::string_view name = v.is_object() ? text_or(v.get_object(), "name") : std::string_view();
    if (auto wrong = wrong_variable(name)) return bad(where, *wrong);
    if (!seen.insert(name).second) {
      where.emplace_back(name);
      return bad(where, "this variable stands twice", "the last one would hold: take one of them out");
    }
  }
  return {};
}

}  // namespace

Result<> check_containers(json::object& o, const std::string& key, Names& names) {
  json::value* containers = o.if_contains(key);
  const bool optional = key != "containers";
  if (optional && (!containers || containers->is_null())) return {};
  if (!containers || !containers->is_array() || (!optional && containers->get_array().empty()))
    return bad({key}, optional ? "a list of containers is expected" : "at least one container is expected",
               R"([{"name": "app", "image": "..."}])");
  for (size_t i = 0; i < containers->get_array().size(); ++i) {
    Keys where{key, fmt::format("[{}]", i)};
    json::object* c = containers->get_array()[i].if_object();
    if (!c || text_or(*c, "name").empty() || text_or(*c, "image").empty())
      return bad(
          where, "a container needs a name and an image",
          c ? fmt::format("'{}' is missing or not a text", text_or(*c, "name").empty() ? "name" : "image")
            : "");
    std::string name(text_or(*c, "name"));
    where.push_back("name");
    if (wrong_part_name(name))
      return bad(where, fmt::format("'{}' is not a container's name", shorten(name, 80)),
                 "use 1 to 63 lower-case letters, digits and '-'");
    if (!names.insert(name).second)
      return bad(where, fmt::format("two containers have the name '{}'", name), "each needs its own");
    where.pop_back();
    if (auto ok = normalise_env(*c, where); !ok) return ok;
    if (auto ok = check_env(*c, where); !ok) return ok;
    if (auto ok = check_resources(*c, where); !ok) return ok;
  }
  return {};
}

}  // namespace lemmy::manifest
