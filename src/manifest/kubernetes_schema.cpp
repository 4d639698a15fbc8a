#include "manifest/kubernetes_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/strings.h"
#include "manifest/kubernetes_rules.h"
#include "manifest/kubernetes_types.h"

namespace lemmy::manifest {

namespace {

constexpr size_t kMostFaults = 20, kDeepest = 100, kShown = 60;

std::string_view in_words(std::string_view type) {
  if (type.starts_with("[]")) return "a list";
  if (type == "integer" || type == "int32") return "a whole number";
  if (type == "number") return "a number";
  if (type == "boolean") return "true or false";
  if (type == "quantity") return "a quantity";
  if (type == "int-or-string") return "a number or a text";
  if (type == "string" || type == "time" || type == "bytes") return "a text";
  return "an object";
}

bool fits(std::string_view type, const json::value& v) {
  // The API server takes 80.0 for 80.
  const bool whole =
      v.is_int64() || v.is_uint64() ||
      (v.is_double() && std::floor(v.get_double()) == v.get_double() && std::abs(v.get_double()) < 0x1p53);
  if (type == "any") return true;
  if (type.starts_with("[]")) return v.is_array();
  if (type == "integer" || type == "int32") return whole;
  if (type == "number") return v.is_number();
  if (type == "boolean") return v.is_bool();
  if (type == "quantity") return v.is_string() || v.is_number();
  if (type == "int-or-string") return whole || v.is_string();
  if (type == "string" || type == "time" || type == "bytes") return v.is_string();
  return v.is_object();
}

std::string quotation_hint(std::string_view type, const json::value& v) {
  const std::string_view wanted = in_words(type);
  if (wanted == "a text" && (v.is_number() || v.is_bool())) return "put it in quotation marks";
  if (v.is_string() && (wanted == "a whole number" || wanted == "a number" || wanted == "true or false"))
    return "leave the quotation marks out";
  return {};
}

// "ServicePort" of "core.v1.ServicePort".
std::string_view plain(std::string_view type) { return type.substr(type.rfind('.') + 1); }

// What the API server fills in, so that two items are the same with and without it.
json::value key_of(const json::object& item, const std::string& key) {
  if (const json::value* v = item.if_contains(key); v && !v->is_null()) return *v;
  return key == "protocol" ? json::value("TCP") : json::value(nullptr);
}

class Check {
 public:
  std::vector<SchemaFault> faults;

  void object(const std::string& type_name, const json::object& o) {
    const auto found = kubernetes().types.find(type_name);
    if (found == kubernetes().types.end() || steps_.size() > kDeepest) return;
    const Type& type = found->second;
    for (const auto& [key, v] : o) {
      steps_.push_back({std::string(key)});
      const auto field = type.fields.find(std::string_view(key));
      if (field == type.fields.end()) {
        const auto near = nearest(key, type.names);
        add(fmt::format("{} has no such field", plain(type_name)),
            near ? fmt::format("did you mean '{}'?", *near) : "", true);
      } else if (!v.is_null()) {
        value(field->second, v);
        named(type_name, key, v);
        if (const auto values = type.enums.find(std::string_view(key)); values != type.enums.end())
          one_of(values->second, v);
        if (const auto keys = type.keys.find(std::string_view(key)); keys != type.keys.end())
          twice(keys->second, v);
        if (key == "env") too_early(v);
        if (key == "ports") names_of_ports(type_name, v);
      }
      steps_.pop_back();
    }
    add(wrong_choice(type_name, o));
    if (type_name == "core.v1.PodSpec") mounts(o);
    for (const std::string& name : type.required)
      if (const json::value* v = o.if_contains(name); !v || v->is_null())
        add(fmt::format("{} needs '{}'", plain(type_name), name), "");
  }

 private:
  void add(std::string what, std::string hint, bool unknown = false) {
    if (faults.size() < kMostFaults) faults.push_back({steps_, std::move(what), std::move(hint), unknown});
  }
  void add(const std::optional<Wrong>& wrong) {
    if (wrong) add(wrong->what, wrong->hint);
  }

  void value(std::string_view type, const json::value& v) {
    if (!fits(type, v)) {
      add(fmt::format("{} is expected, and it is {}", in_words(type), shorten(plain_text(v), kShown)),
          quotation_hint(type, v));
    } else if (type.starts_with("[]")) {
      const json::array& list = v.get_array();
      for (size_t i = 0; i < list.size(); ++i) {
        steps_.push_back({"", i, true});
        if (!list[i].is_null()) value(type.substr(2), list[i]);
        steps_.pop_back();
      }
    } else if (type.starts_with("{}")) {
      for (const auto& [key, item] : v.get_object()) {
        steps_.push_back({std::string(key)});
        if (!item.is_null()) value(type.substr(2), item);
        steps_.pop_back();
      }
    } else if (type == "int32") {  // the API server takes the lower bits of more
      const double is = v.to_number<double>();
      if (is < -0x1p31 || is >= 0x1p31) add("it does not fit into 32 bits", "");
    } else if (type == "quantity") {
      add(wrong_quantity(steps_.back().key, v.is_string() ? std::string(v.get_string()) : plain_text(v)));
    } else if (v.is_object() && type != "any") {
      object(std::string(type), v.get_object());
    }
  }

  // What is of the right type, and still no name, label or port.
  void named(std::string_view type, std::string_view key, const json::value& v) {
    if (type == "meta.v1.ObjectMeta" && (key == "labels" || key == "annotations") && v.is_object())
      for (const auto& [name, text] : v.get_object()) {
        steps_.push_back({std::string(name)});
        add(wrong_key(key == "labels" ? std::string(name) : lower(name)));
        if (key == "labels" && text.is_string()) add(wrong_label_value(text.get_string()));
        steps_.pop_back();
      }
    const bool port = type == "core.v1.ContainerPort" || type == "core.v1.ServicePort";
    if (port && (key == "containerPort" || key == "port") && v.is_int64() &&
        (v.get_int64() < 1 || v.get_int64() > 65'535))
      add("a port is from 1 to 65535", "");
    if (key != "name" || !v.is_string()) return;
    if (v.get_string().empty() && type != "core.v1.EnvVar") return;  // as if it were left out
    if (type == "core.v1.ContainerPort")
      add(wrong_port_name(v.get_string()));
    else if (type == "core.v1.Container" || type == "core.v1.Volume" || type == "core.v1.ServicePort")
      add(wrong_part_name(v.get_string()));
    else if (type == "core.v1.EnvVar")
      add(wrong_variable(v.get_string()));
  }

  // A newer Kubernetes may have more.
  void one_of(const std::vector<std::string>& values, const json::value& v) {
    if (const json::array* list = v.if_array()) {
      for (size_t i = 0; i < list->size(); ++i) {
        steps_.push_back({"", i, true});
        one_of(values, (*list)[i]);
        steps_.pop_back();
      }
      return;
    }
    // Empty is as if it were left out.
    if (!v.is_string() || v.get_string().empty() ||
        std::ranges::find(values, std::string_view(v.get_string())) != values.end())
      return;
    auto same = [&](const std::string& known) {
      return lower(known) == lower(std::string_view(v.get_string()));
    };
    auto near = std::ranges::find_if(values, same);
    const auto meant = near != values.end() ? *near : nearest(v.get_string(), values);
    add(fmt::format("it is one of {}, and not '{}'", join_and(values), shorten(v.get_string(), kShown)),
        meant ? fmt::format("did you mean '{}'?", *meant) : "", true);
  }

  // Kubernetes takes it, and leaves "$(NAME)" as it stands. Lemmy's own variables come after a template's.
  void too_early(const json::value& env) {
    const json::array* list = env.if_array();
    if (!list) return;
    auto name = [&](size_t i) {
      const json::object* o = (*list)[i].if_object();
      return o ? text_or(*o, "name") : std::string_view();
    };
    for (size_t i = 0; i < list->size(); ++i) {
      const json::object* o = (*list)[i].if_object();
      for (const std::string_view wanted : references(o ? text_or(*o, "value") : "")) {
        bool before = false, after = false;
        for (size_t n = 0; n < list->size(); ++n) (n < i ? before : after) |= name(n) == wanted;
        if (before || !after) continue;
        steps_.insert(steps_.end(), {{"", i, true}, {"value"}});
        add(fmt::format("$({}) is not replaced: that variable does not stand before this one", wanted),
            "variables that Lemmy sets come last: read them in the program, or write $$( for the text");
        steps_.resize(steps_.size() - 2);
      }
    }
  }

  // Lists of ports differ by other fields of theirs.
  void names_of_ports(const std::string& type, const json::value& ports) {
    const json::array* list = ports.if_array();
    if (!list) return;
    std::set<std::string, std::less<>> seen;
    for (size_t i = 0; i < list->size(); ++i) {
      const json::object* o = (*list)[i].if_object();
      const std::string_view name = o ? text_or(*o, "name") : std::string_view();
      steps_.insert(steps_.end(), {{"", i, true}, {"name"}});
      if (name.empty() && type == "core.v1.ServiceSpec" && list->size() > 1)
        add("each of several ports needs a name", "");
      else if (!name.empty() && !seen.emplace(name).second)
        add(fmt::format("another port of the list has the name '{}'", name), "give each its own");
      steps_.resize(steps_.size() - 2);
    }
  }

  void mounts(const json::object& pod) {
    std::vector<std::string> there;
    if (const json::value* volumes = find(pod, "volumes"); volumes && volumes->is_array())
      for (const json::value& v : volumes->get_array())
        if (const json::object* o = v.if_object()) there.emplace_back(text_or(*o, "name"));
    for (const char* key : {"initContainers", "containers"}) {
      const json::value* list = find(pod, key);
      for (size_t c = 0; list && list->is_array() && c < list->get_array().size(); ++c) {
        const json::object* container = list->get_array()[c].if_object();
        const json::value* mounts = container ? find(*container, "volumeMounts") : nullptr;
        for (size_t m = 0; mounts && mounts->is_array() && m < mounts->get_array().size(); ++m) {
          const json::object* o = mounts->get_array()[m].if_object();
          const std::string name(o ? text_or(*o, "name") : "");
          if (name.empty() || std::ranges::find(there, name) != there.end()) continue;
          const auto near = nearest(name, there);
          steps_.insert(steps_.end(), {{key}, {"", c, true}, {"volumeMounts"}, {"", m, true}, {"name"}});
          add(fmt::format("there is no volume '{}'", name),
              near ? fmt::format("did you mean '{}'?", *near) : "");
          steps_.resize(steps_.size() - 5);
        }
      }
    }
  }

  // https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
  void twice(const std::vector<std::string>& keys, const json::value& list) {
    if (!list.is_array()) return;
    std::set<std::string> seen;
    for (size_t i = 0; i < list.get_array().size(); ++i) {
      const json::object* item = list.get_array()[i].if_object();
      if (!item) continue;
      json::object key;
      for (const std::string& k : keys) key[k] = key_of(*item, k);
      if (seen.insert(json::serialize(key)).second) continue;
      steps_.push_back({"", i, true});
      std::vector<std::string> said;
      for (const auto& [k, v] : key)
        said.push_back(fmt::format("{} {}", std::string_view(k), shown_value(v)));
      add(fmt::format("an item of the list has {} already", join_and(said)), "take one of them out");
      steps_.pop_back();
    }
  }

  Steps steps_;
};

std::string_view group_of(std::string_view known) {
  const size_t last = known.rfind('/'), first = known.find('/');
  return first == last ? std::string_view() : known.substr(0, first);
}

std::optional<SchemaFault> wrong_kind(std::string_view version, std::string_view kind) {
  const std::string said = fmt::format("{}/{}", version, kind);
  std::vector<std::string> near;
  bool own = false;  // else it is a custom resource
  for (const auto& [known, type] : kubernetes().kinds) {
    own = own || group_of(known) == group_of(said);
    if (known.ends_with("/" + std::string(kind))) near.push_back(known);
  }
  if (!own) return std::nullopt;
  return SchemaFault{{},
                     fmt::format("Kubernetes {} has no {}", kubernetes().version, shorten(said, kShown)),
                     near.empty() ? "" : fmt::format("did you mean {}?", join(near, " or ")),
                     true};
}

}  // namespace

std::vector<SchemaFault> schema_faults(const json::object& object) {
  const std::string_view version = text_or(object, "apiVersion"), kind = text_or(object, "kind");
  if (kind.empty() || version.empty())
    return {{{}, "an object needs apiVersion and kind", R"(such as "apiVersion": "v1")", false}};
  const auto known = kubernetes().kinds.find(fmt::format("{}/{}", version, kind));
  if (known == kubernetes().kinds.end()) {
    auto wrong = wrong_kind(version, kind);
    return wrong ? std::vector{std::move(*wrong)} : std::vector<SchemaFault>{};
  }
  Check check;
  check.object(known->second, object);
  return std::move(check.faults);
}

}  // namespace lemmy::manifest
