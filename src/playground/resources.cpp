#include "playground/resources.h"

#include "base/strings.h"

namespace lemmy::playground {
namespace {

constexpr std::string_view kCore = "/api/v1", kScaling = "/apis/autoscaling/v2",
                           kDiscovery = "/apis/discovery.k8s.io/v1", kApps = "/apis/apps/v1";
constexpr std::array<Resource, kKinds> kResources{{
    {Kind::pod, "pods", "pod", "Pod", kCore, "v1", "", "po"},
    {Kind::rc, "replicationcontrollers", "replicationcontroller", "ReplicationController", kCore, "v1", "",
     "rc"},
    {Kind::service, "services", "service", "Service", kCore, "v1", "", "svc"},
    {Kind::config_map, "configmaps", "configmap", "ConfigMap", kCore, "v1", "", "cm"},
    {Kind::secret, "secrets", "secret", "Secret", kCore, "v1", "", ""},
    {Kind::event, "events", "event", "Event", kCore, "v1", "", "ev"},
    {Kind::ns, "namespaces", "namespace", "Namespace", kCore, "v1", "", "ns", false},
    {Kind::autoscaler, "horizontalpodautoscalers", "horizontalpodautoscaler", "HorizontalPodAutoscaler",
     kScaling, "autoscaling/v2", "autoscaling", "hpa"},
    {Kind::endpoint_slice, "endpointslices", "endpointslice", "EndpointSlice", kDiscovery,
     "discovery.k8s.io/v1", "discovery.k8s.io", ""},
    {Kind::deployment, "deployments", "deployment", "Deployment", kApps, "apps/v1", "apps", "deploy"},
    {Kind::replica_set, "replicasets", "replicaset", "ReplicaSet", kApps, "apps/v1", "apps", "rs"},
}};

json::object listed(const Resource& r) {
  json::object o{
      {"name", r.name},
      {"singularName", r.singular},
      {"namespaced", r.namespaced},
      {"kind", r.type},
      {"verbs", {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}}};
  if (!r.short_name.empty()) o["shortNames"] = json::array{r.short_name};
  return o;
}

json::object resource_list(std::string_view prefix, std::string_view version) {
  json::array resources;
  for (const Resource& r : kResources) {
    if (r.prefix != prefix) continue;
    resources.push_back(listed(r));
    if (is_scaled(r.kind))
      resources.push_back({{"name", std::string(r.name) + "/scale"},
                           {"singularName", ""},
                           {"namespaced", true},
                           {"group", "autoscaling"},
                           {"version", "v1"},
                           {"kind", "Scale"},
                           {"verbs", {"get", "patch", "update"}}});
  }
  if (prefix == kCore)
    resources.push_back({{"name", "pods/log"},
                         {"singularName", ""},
                         {"namespaced", true},
                         {"kind", "Pod"},
                         {"verbs", {"get"}}});
  return {{"kind", "APIResourceList"},
          {"apiVersion", "v1"},
          {"groupVersion", version},
          {"resources", std::move(resources)}};
}

json::object api_group(std::string_view name, std::string_view version) {
  json::object only{{"groupVersion", std::string(name) + "/" + std::string(version)}, {"version", version}};
  return {{"name", name}, {"versions", json::array{only}}, {"preferredVersion", only}};
}
json::object autoscaling_group() { return api_group("autoscaling", "v2"); }
json::object apps_group() { return api_group("apps", "v1"); }
json::object discovery_group() { return api_group("discovery.k8s.io", "v1"); }
json::object alone(json::object group) {
  group["kind"] = "APIGroup";
  group["apiVersion"] = "v1";
  return group;
}

}  // namespace

std::string Resource::qualified() const {
  return group.empty() ? std::string(name) : std::string(name) + "." + std::string(group);
}

const Resource& resource(Kind kind) { return kResources[static_cast<size_t>(kind)]; }

const Resource* resource(std::string_view prefix, std::string_view name) {
  for (const Resource& r : kResources)
    if (r.prefix == prefix && r.name == name) return &r;
  return nullptr;
}

const Resource* resource_of_type(std::string_view version, std::string_view type) {
  for (const Resource& r : kResources)
    if (r.version == version && r.type == type) return &r;
  return nullptr;
}

Route route(std::string_view path) {
  Route out;
  std::string_view prefix;
  for (std::string_view p : {kCore, kScaling, kDiscovery, kApps})
    if (path.starts_with(p) && path.size() > p.size() && path[p.size()] == '/') prefix = p;
  if (prefix.empty()) return out;
  auto parts = split(path.substr(prefix.size() + 1), '/');
  if (!parts.empty() && parts.back().empty()) parts.pop_back();
  size_t i = 0;
  if (parts.size() >= 3 && parts[0] == "namespaces" && parts[2] != "status" && parts[2] != "finalize") {
    out.ns = std::string(parts[1]);
    i = 2;
  }
  if (parts.size() <= i || parts.size() > i + 3) return out;
  out.what = resource(prefix, parts[i]);
  if (parts.size() > i + 1) out.name = std::string(parts[i + 1]);
  if (parts.size() > i + 2) out.sub = std::string(parts[i + 2]);
  out.known = out.what && (out.what->namespaced || out.ns.empty());
  return out;
}

json::value discovery(std::string_view path) {
  if (path == "/version")
    return {{"major", "1"},
            {"minor", "34"},
            {"gitVersion", "v1.34.0-playground"},
            {"gitCommit", "0000000000000000000000000000000000000000"},
            {"gitTreeState", "clean"},
            {"buildDate", "2026-01-01T00:00:00Z"},
            {"goVersion", "none"},
            {"compiler", "none"},
            {"platform", "linux/amd64"}};
  if (path == "/api")
    return {{"kind", "APIVersions"}, {"versions", {"v1"}}, {"serverAddressByClientCIDRs", json::array{}}};
  if (path == "/apis")
    return {{"kind", "APIGroupList"},
            {"apiVersion", "v1"},
            {"groups", json::array{apps_group(), autoscaling_group(), discovery_group()}}};
  if (path == "/apis/apps") return alone(apps_group());
  if (path == "/apis/autoscaling") return alone(autoscaling_group());
  if (path == "/apis/discovery.k8s.io") return alone(discovery_group());
  if (path == kCore) return resource_list(kCore, "v1");
  if (path == kScaling) return resource_list(kScaling, "autoscaling/v2");
  if (path == kApps) return resource_list(kApps, "apps/v1");
  if (path == kDiscovery) return resource_list(kDiscovery, "discovery.k8s.io/v1");
  return nullptr;
}

}  // namespace lemmy::playground
