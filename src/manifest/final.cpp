#include "manifest/final.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/strings.h"
#include "manifest/kubernetes_rules.h"

namespace lemmy::manifest {
namespace {

using Keys = std::vector<std::string>;

// Shows the rendered line that the last of `keys` stands on, looking for one after the other.
std::unexpected<Error> bad(const Keys& keys, std::string what, std::string hint = "") {
  return fail(ErrorCode::invalid, join(keys, "\n"), std::move(what), std::move(hint));
}

std::string rendered_lines(const std::string& text, const std::vector<std::string_view>& keys) {
  size_t at = 0, width = 0;
  for (std::string_view key : keys) {
    if (key.starts_with("[") && key != "[0]") return "";  // which of the containers it is cannot be told
    if (key.starts_with("[")) continue;
    std::string quoted = json::serialize(json::string_view(key));
    size_t next = text.find(quoted, at);
    if (next == text.npos) return "";
    at = next;
    width = quoted.size();
  }
  std::string_view before = std::string_view(text).substr(0, at);
  size_t line = std::count(before.begin(), before.end(), '\n') + 1;
  size_t start = before.rfind('\n') == before.npos ? 0 : before.rfind('\n') + 1;
  return width ? excerpt(text, line, at - start + 1, width) : "";
}

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
      text = json::serialize(value);
    } else {
      where.emplace_back(name);
      return bad(where, "a text, number or true/false is expected",
                 "{{ VALUE | tojson | tojson }} makes a text");
    }
    list.push_back({{"name", name}, {"value", text}});
  }
  *env = std::move(list);
  return {};
}

std::unexpected<Error> bad(const Keys& keys, const Wrong& wrong) { return bad(keys, wrong.what, wrong.hint); }

std::string scalar_text(const json::value& v) {
  return v.is_string() ? std::string(v.get_string()) : json::serialize(v);
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

Result<> check_containers(json::object& o, std::set<std::string, std::less<>>& names) {
  json::value* containers = o.if_contains("containers");
  if (!containers || !containers->is_array() || containers->get_array().empty())
    return bad({"containers"}, "at least one container is expected", R"([{"name": "app", "image": "..."}])");
  for (size_t i = 0; i < containers->get_array().size(); ++i) {
    Keys where{"containers", fmt::format("[{}]", i)};
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

Result<> check_texts(const json::object& o, const std::string& key, std::string_view one) {
  const json::value* v = find(o, key);
  if (!v) return {};
  if (!v->is_object()) return bad({key}, "an object is expected", R"({"key": "value"})");
  for (const auto& [name, value] : v->get_object()) {
    if (!value.is_string())
      return bad({key, name}, fmt::format("{} is a text", one), "put it in quotation marks");
    // Annotations may have capitals before the '/'.
    if (auto wrong = wrong_key(key == "labels" ? std::string(name) : lower(name)))
      return bad({key, name}, *wrong);
    if (key == "labels")
      if (auto wrong = wrong_label_value(value.get_string())) return bad({key, name}, *wrong);
  }
  return {};
}

Result<> check_datadog(const json::object& o, const std::set<std::string, std::less<>>& names) {
  const json::value* annotations = find(o, "annotations");
  if (!annotations) return {};
  for (const auto& [key, value] : annotations->get_object()) {
    constexpr std::string_view prefix = "ad.datadoghq.com/";
    if (!key.starts_with(prefix)) continue;
    std::string_view container = std::string_view(key).substr(prefix.size());
    // Without a container it is of the pod: tags, tolerate-unready, exclude, logs_exclude ...
    if (container.find('.') == container.npos) continue;
    container = container.substr(0, container.find('.'));
    if (!names.contains(container))
      return bad({"annotations", key},
                 fmt::format("Datadog looks for container '{}', which there is not", container),
                 "there are: " + join(Keys(names.begin(), names.end()), ", "));
  }
  return {};
}

Result<> check(json::value& v) {
  json::object* o = v.if_object();
  if (!o) return bad({}, "an object is expected", R"({"replicas": ..., "containers": [...]})");
  const Keys known{"replicas", "autoscale", "labels", "annotations", "containers", "volumes"};
  for (const auto& [key, value] : *o)
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      auto near = nearest(key, known);
      return bad({key}, "unknown key",
                 near ? "did you mean '" + *near + "'?" : "known are: " + join(known, ", "));
    }
  int64_t replicas = int_or(*o, "replicas", -1);
  if (replicas < 0 || replicas > 1000)
    return bad({"replicas"}, "a whole number from 0 to 1000 is expected",
               !o->contains("replicas")        ? "it is missing"
               : o->at("replicas").is_string() ? "leave the quotation marks out"
                                               : "");
  if (const json::value* a = find(*o, "autoscale")) {
    int64_t min = a->is_object() ? int_or(a->get_object(), "min") : 0;
    int64_t max = a->is_object() ? int_or(a->get_object(), "max") : 0;
    if (min < 1 || max < min || max > 1000)
      return bad({"autoscale"}, "min and max are expected, 1 <= min <= max <= 1000",
                 "leave autoscale out for a fixed number");
  }
  if (const json::value* volumes = find(*o, "volumes"); volumes && !volumes->is_array())
    return bad({"volumes"}, "a list is expected");
  std::set<std::string, std::less<>> names;
  if (auto ok = check_containers(*o, names); !ok) return ok;
  if (auto ok = check_texts(*o, "labels", "a label"); !ok) return ok;
  if (auto ok = check_texts(*o, "annotations", "an annotation"); !ok) return ok;
  return check_datadog(*o, names);
}

}  // namespace

void normalise_final(json::value& final) {
  json::object* o = final.if_object();
  json::value* containers = o ? o->if_contains("containers") : nullptr;
  if (!containers || !containers->is_array()) return;
  for (json::value& c : containers->get_array())
    if (json::object* container = c.if_object()) (void)normalise_env(*container, {});
}

Result<> check_final(json::value& final, const std::string& file, const std::string& text) {
  auto ok = check(final);
  if (ok) return {};
  Error e = ok.error();
  std::string path;
  std::vector<std::string_view> keys;
  if (!e.where.empty()) keys = split(e.where, '\n');
  for (std::string_view key : keys)
    path += (path.empty() || key.starts_with("[") ? "" : ".") + std::string(key);
  e.detail = rendered_lines(text, keys);
  e.where = path.empty() ? file + ": final JSON" : file + ": final JSON, " + path;
  return fail(std::move(e));
}

}  // namespace lemmy::manifest
