// Who gets the requests of a Service, as the EndpointSlice controller writes it: ready pods that its selector
// chooses, at most 100 a slice. https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
#include <fmt/format.h>

#include "playground/pod_life.h"
#include "playground/world.h"

namespace lemmy::playground {
namespace {

constexpr size_t kInSlice = 100;

bool chooses(const Object& service, const Object& pod) {
  const json::object& selector = sub(service.spec_object(), "selector");
  const json::object* labels = pod.labels();
  if (selector.empty() || !labels || pod.ns != service.ns) return false;
  for (const auto& [key, value] : selector) {
    const json::value* has = labels->if_contains(key);
    if (!has || *has != value) return false;
  }
  return true;
}

// What of a pod a slice tells of.
bool looks_alike(const Object& a, const Object& b) {
  const json::object *was = a.labels(), *is = b.labels();
  return pod_is_ready(a) == pod_is_ready(b) && a.deleting() == b.deleting() &&
         text_or(a.part("status"), "podIP") == text_or(b.part("status"), "podIP") &&
         (was && is ? *was == *is : was == is);
}

}  // namespace

Endpoints::Endpoints(World& world) : world_(world) {
  world_.store.listen([this](const Change& c) {
    if (c.now->kind == Kind::service) {
      if (c.type == Change::Type::deleted)
        slices_.erase(c.now->uid);  // they go as what it owned
      else
        mark(*c.now);
    }
    if (c.now->kind != Kind::pod) return;
    if (c.type == Change::Type::modified && c.before && looks_alike(*c.before, *c.now)) return;
    for (auto it = world_.store.all(Kind::service).lower_bound({c.now->ns, ""});
         it != world_.store.all(Kind::service).end() && it->first.first == c.now->ns; ++it)
      if (chooses(*it->second, *c.now) || (c.before && chooses(*it->second, *c.before))) mark(*it->second);
  });
}

void Endpoints::mark(const Object& service) {
  if (!dirty_.insert(service.uid).second) return;
  world_.agenda.after(world_.paced(milliseconds{50}), [this, uid = service.uid] { sync(uid); });
}

void Endpoints::sync(const std::string& uid) {
  dirty_.erase(uid);
  const Stored service = world_.store.by_uid(uid);
  if (!service || service->kind != Kind::service) return;
  std::map<std::string, Stored> chosen;
  for (auto it = world_.store.all(Kind::pod).lower_bound({service->ns, ""});
       it != world_.store.all(Kind::pod).end() && it->first.first == service->ns; ++it)
    if (chooses(*service, *it->second) && !text_or(it->second->part("status"), "podIP").empty())
      chosen.emplace(it->first.second, it->second);
  auto& slices = slices_[uid];
  std::set<std::string> placed;
  for (Slice& s : slices) {
    std::erase_if(s.pods, [&](const std::string& pod) { return !chosen.contains(pod); });
    placed.insert(s.pods.begin(), s.pods.end());
  }
  auto add = [&] {
    std::string name;
    do {  // of a slice that is not written yet, too
      name = world_.free_name(Kind::endpoint_slice, service->ns, service->name + "-");
    } while (std::ranges::any_of(slices, [&](const Slice& s) { return s.name == name; }));
    return slices.insert(slices.end(), {std::move(name), {}});
  };
  for (const auto& [name, pod] : chosen) {
    if (placed.contains(name)) continue;
    auto room = std::ranges::find_if(slices, [](const Slice& s) { return s.pods.size() < kInSlice; });
    if (room == slices.end()) room = add();
    room->pods.insert(name);
  }
  if (slices.empty()) add();
  for (const Slice& s : slices) write(*service, s, chosen);
}

void Endpoints::write(const Object& service, const Slice& slice, const std::map<std::string, Stored>& pods) {
  json::object labels = service.labels() ? *service.labels() : json::object();
  labels["kubernetes.io/service-name"] = service.name;
  labels["endpointslice.kubernetes.io/managed-by"] = "endpointslice-controller.k8s.io";
  json::array endpoints;
  for (const std::string& name : slice.pods) {
    const Object& pod = *pods.at(name);
    const bool ready = pod_is_ready(pod);
    endpoints.push_back(
        {{"addresses", {text_or(pod.part("status"), "podIP")}},
         {"conditions",
          {{"ready", ready && !pod.deleting()}, {"serving", ready}, {"terminating", pod.deleting()}}},
         {"targetRef", {{"kind", "Pod"}, {"namespace", pod.ns}, {"name", name}, {"uid", pod.uid}}}});
  }
  json::array ports;
  for (const json::value& p : list_in(service.spec_object(), "ports"))
    if (p.is_object())
      ports.push_back({{"name", text_or(p.get_object(), "name")},
                       {"port", int_or(p.get_object(), "targetPort", int_or(p.get_object(), "port"))},
                       {"protocol", text_or(p.get_object(), "protocol", "TCP")}});
  Object o = object_from(Kind::endpoint_slice,
                         {{"metadata",
                           {{"name", slice.name},
                            {"namespace", service.ns},
                            {"labels", std::move(labels)},
                            {"ownerReferences", json::array{json::object{{"apiVersion", "v1"},
                                                                         {"kind", "Service"},
                                                                         {"name", service.name},
                                                                         {"uid", service.uid},
                                                                         {"controller", true},
                                                                         {"blockOwnerDeletion", true}}}}}},
                          {"addressType", "IPv4"},
                          {"endpoints", std::move(endpoints)},
                          {"ports", std::move(ports)}});
  world_.store.put(std::move(o));
}

}  // namespace lemmy::playground
