#include "playground/merge.h"

#include <span>

namespace lemmy::playground {
namespace {

// The keys that tell the items of a list apart; none: the list is atomic.
std::span<const std::string_view> keys_of(std::string_view list) {
  static constexpr std::string_view name[]{"name"}, mount[]{"mountPath"}, uid[]{"uid"}, type[]{"type"},
      port[]{"containerPort", "port", "protocol"}, ip[]{"ip"};
  if (list == "containers" || list == "initContainers" || list == "env" || list == "volumes" ||
      list == "imagePullSecrets")
    return name;
  if (list == "volumeMounts") return mount;
  if (list == "ports") return port;
  if (list == "ownerReferences") return uid;
  if (list == "conditions") return type;
  if (list == "hostAliases") return ip;
  return {};
}

bool same_item(const json::value& a, const json::value& b, std::span<const std::string_view> keys) {
  const json::object *x = a.if_object(), *y = b.if_object();
  if (!x || !y) return a == b;
  auto value = [](const json::object& o, std::string_view key) {
    const json::value* v = o.if_contains(key);
    if (v) return *v;
    return key == "protocol" ? json::value("TCP") : json::value();
  };
  for (std::string_view key : keys)
    if (value(*x, key) != value(*y, key)) return false;
  return true;
}

json::value* item_like(json::array& list, const json::value& item, std::span<const std::string_view> keys) {
  for (json::value& v : list)
    if (same_item(v, item, keys)) return &v;
  return nullptr;
}
const json::value* item_like(const json::array& list, const json::value& item,
                             std::span<const std::string_view> keys) {
  return item_like(const_cast<json::array&>(list), item, keys);
}

void apply_value(json::value& live, const json::value& now, const json::value* before, std::string_view key,
                 bool null_removes) {
  if (now.is_object() && live.is_object()) {
    apply_over(live.get_object(), now.get_object(), before ? before->if_object() : nullptr, null_removes);
    return;
  }
  auto keys = keys_of(key);
  if (keys.empty() || !now.is_array() || !live.is_array()) {
    live = now;
    return;
  }
  json::array& list = live.get_array();
  const json::array* old = before ? before->if_array() : nullptr;
  if (old)
    for (const json::value& was : *old)
      if (!item_like(now.get_array(), was, keys))
        for (auto it = list.begin(); it != list.end(); ++it)
          if (same_item(*it, was, keys)) {
            list.erase(it);
            break;
          }
  for (const json::value& item : now.get_array()) {
    const json::object* o = item.if_object();
    const json::value* directive = o && null_removes ? o->if_contains("$patch") : nullptr;
    json::value* there = item_like(list, item, keys);
    if (directive && *directive == "delete") {
      if (there) list.erase(list.begin() + (there - list.data()));
    } else if (there) {
      apply_value(*there, item, old ? item_like(*old, item, keys) : nullptr, "", null_removes);
    } else {
      list.push_back(item);
    }
  }
}

void collect(const json::value& now, const json::value& other, const std::string& path, std::string_view key,
             std::vector<std::string>* out) {
  const json::object *a = now.if_object(), *b = other.if_object();
  if (a && b) {
    for (const auto& [k, v] : *a)
      if (const json::value* theirs = b->if_contains(k))
        collect(v, *theirs, path + "." + std::string(k), k, out);
    return;
  }
  auto keys = keys_of(key);
  if (!keys.empty() && now.is_array() && other.is_array()) {
    for (const json::value& item : now.get_array())
      if (const json::value* theirs = item_like(other.get_array(), item, keys))
        collect(item, *theirs, path + "[" + json::serialize(item.is_object() ? item.at(keys[0]) : item) + "]",
                "", out);
    return;
  }
  if (now != other) out->push_back(path);
}

}  // namespace

void merge_patch(json::value& target, const json::value& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  if (!target.is_object()) target = json::object{};
  json::object& o = target.get_object();
  for (const auto& [key, value] : patch.get_object()) {
    if (value.is_null())
      o.erase(key);
    else
      merge_patch(o[key], value);
  }
}

void apply_over(json::object& live, const json::object& now, const json::object* before, bool null_removes) {
  if (before)
    for (const auto& [key, was] : *before)
      if (!now.contains(key)) live.erase(key);
  for (const auto& [key, value] : now) {
    if (null_removes && (value.is_null() || key.starts_with("$"))) {
      if (value.is_null()) live.erase(key);
      continue;
    }
    json::value* there = live.if_contains(key);
    if (there)
      apply_value(*there, value, before ? before->if_contains(key) : nullptr, key, null_removes);
    else
      live[key] = value;
  }
}

std::vector<std::string> conflicts(const json::object& now, const json::object& other) {
  std::vector<std::string> out;
  for (const auto& [key, value] : now) {
    if (key == "apiVersion" || key == "kind") continue;
    if (const json::value* theirs = other.if_contains(key))
      collect(value, *theirs, "." + std::string(key), key, &out);
  }
  std::erase_if(out,
                [](const std::string& p) { return p == ".metadata.name" || p == ".metadata.namespace"; });
  return out;
}

}  // namespace lemmy::playground
