// What a kubelet needs of ConfigMaps and Secrets before a container can start.
#include <fmt/format.h>

#include "playground/pod_life.h"

namespace lemmy::playground {
namespace {

// A reference by name, unless it is optional.
std::string required(const json::object& ref, std::string_view name_key) {
  return bool_or(ref, "optional") ? std::string() : std::string(text_or(ref, name_key));
}

}  // namespace

void Pods::mount(Life& life) {
  Stored pod = world_.store.by_uid(life.uid);
  if (!pod) return;
  for (const json::value& v : list_in(pod->spec_object(), "volumes")) {
    if (!v.is_object()) continue;
    const json::object& volume = v.get_object();
    for (auto [kind, key, name_key] : {std::tuple{Kind::config_map, "configMap", "name"},
                                       std::tuple{Kind::secret, "secret", "secretName"}}) {
      std::string name = required(sub(volume, key), name_key);
      if (name.empty() || world_.store.find(kind, pod->ns, name)) continue;
      tell(life, nullptr, "Warning", "FailedMount",
           fmt::format("MountVolume.SetUp failed for volume \"{}\" : {} \"{}\" not found",
                       text_or(volume, "name"), resource(kind).singular, name));
      return later(milliseconds{2000}, life.uid, &Pods::mount);
    }
  }
  for (Box& b : life.boxes) pull(life, b);
}

std::string Pods::lacking(const Life& life, const Box& box) const {
  Stored pod = world_.store.by_uid(life.uid);
  if (!pod) return {};
  for (const json::value& c : list_in(pod->spec_object(), "containers")) {
    if (!c.is_object() || text_or(c.get_object(), "name") != box.name) continue;
    for (auto [kind, from, key_from] : {std::tuple{Kind::config_map, "configMapRef", "configMapKeyRef"},
                                        std::tuple{Kind::secret, "secretRef", "secretKeyRef"}}) {
      for (const json::value& e : list_in(c.get_object(), "envFrom")) {
        std::string name = e.is_object() ? required(sub(e.get_object(), from), "name") : "";
        if (!name.empty() && !world_.store.find(kind, pod->ns, name))
          return fmt::format("{} \"{}\" not found", resource(kind).singular, name);
      }
      for (const json::value& e : list_in(c.get_object(), "env")) {
        if (!e.is_object()) continue;
        const json::object& ref = sub(sub(e.get_object(), "valueFrom"), key_from);
        std::string name = required(ref, "name"), key(text_or(ref, "key"));
        if (name.empty()) continue;
        Stored source = world_.store.find(kind, pod->ns, name);
        if (!source) return fmt::format("{} \"{}\" not found", resource(kind).singular, name);
        if (!source->part("data").contains(key))
          return fmt::format("couldn't find key {} in {} {}/{}", key, resource(kind).type, pod->ns, name);
      }
    }
  }
  return {};
}

}  // namespace lemmy::playground
