#include "manifest/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace lemmy::manifest {
namespace {

// a.b, but a["b.c"] where a key would be read as several.
void append_key(std::string& path, std::string_view key) {
  const bool plain = !key.empty() && key.find_first_of(".[]\" ") == key.npos;
  if (plain)
    path.append(path.empty() ? "" : ".").append(key);
  else
    path += fmt::format("[{}]", json::serialize(json::string_view(key)));
}

// The names of a list's items when each has one of its own.
std::vector<std::string> names_of(const json::array& list) {
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const json::value& item : list) {
    const json::object* o = item.if_object();
    std::string name(o ? text_or(*o, "name") : "");
    if (name.empty() || name.find_first_of("[]") != name.npos || !seen.insert(name).second) return {};
    names.push_back(std::move(name));
  }
  return names;
}

void walk(const json::value& v, std::string path, Steps& steps, std::vector<Field>& out) {
  if (const json::object* o = v.if_object(); o && !o->empty()) {
    for (const auto& [key, item] : *o) {
      std::string below = path;
      append_key(below, key);
      steps.push_back({std::string(key)});
      walk(item, std::move(below), steps, out);
      steps.pop_back();
    }
  } else if (const json::array* a = v.if_array(); a && !a->empty()) {
    const std::vector<std::string> names = names_of(*a);
    for (size_t i = 0; i < a->size(); ++i) {
      steps.push_back({"", i, true});
      walk((*a)[i], names.empty() ? fmt::format("{}[{}]", path, i) : fmt::format("{}[{}]", path, names[i]),
           steps, out);
      steps.pop_back();
    }
  } else if (!steps.empty()) {
    out.push_back({std::move(path), steps, v});
  }
}

}  // namespace

std::vector<Field> fields(const json::value& document) {
  std::vector<Field> out;
  Steps steps;
  walk(document, "", steps, out);
  return out;
}

const json::object& object_at(const json::object& o, std::string_view key) {
  static const json::object none;
  const json::value* v = o.if_contains(key);
  return v && v->is_object() ? v->get_object() : none;
}

const json::value* value_at(const json::value& document, const Steps& steps) {
  const json::value* at = &document;
  for (const Step& s : steps) {
    if (s.in_list) {
      const json::array* a = at->if_array();
      at = a && s.index < a->size() ? &(*a)[s.index] : nullptr;
    } else {
      const json::object* o = at->if_object();
      at = o ? o->if_contains(s.key) : nullptr;
    }
    if (!at) return nullptr;
  }
  return at;
}

json::value* value_at(json::value& document, const Steps& steps) {
  return const_cast<json::value*>(value_at(std::as_const(document), steps));
}

std::string index_path(const Steps& steps) {
  std::string path;
  for (const Step& s : steps)
    if (s.in_list)
      path += fmt::format("[{}]", s.index);
    else
      append_key(path, s.key);
  return path;
}

std::string shown_value(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : plain_text(value);
}

std::vector<Change> changes(const json::value& before, const json::value& after) {
  std::map<std::string, json::value> old;
  for (Field& f : fields(before)) old.emplace(std::move(f.path), std::move(f.value));
  std::vector<Change> out;
  for (Field& f : fields(after)) {
    auto was = old.find(f.path);
    if (was == old.end()) {
      out.push_back({std::move(f.path), std::nullopt, std::move(f.value)});
      continue;
    }
    if (was->second != f.value) out.push_back({std::move(f.path), was->second, std::move(f.value)});
    old.erase(was);
  }
  for (Field& f : fields(before))  // in their order
    if (old.contains(f.path)) out.push_back({std::move(f.path), std::move(f.value), std::nullopt});
  return out;
}

}  // namespace lemmy::manifest
