// What the live picture tells of pods and their controllers.
#include <algorithm>

#include "kube/cluster.h"

namespace lemmy::kube {
namespace {

template <class T>
const T* first(const std::vector<const T*>& all) {
  return all.empty() ? nullptr : all.front();
}

template <class T>
Owned owned(std::string_view kind, const T& object) {
  const Meta& m = object.meta;
  Owned out{kind, m.ns, m.name, m.uid, m.owner(), m.created, m.deleting};
  if constexpr (requires { object.wanted; }) out.wanted = object.wanted, out.ready = object.ready;
  if constexpr (std::is_same_v<T, Pod>) out.wanted = 1, out.ready = object.ready;
  return out;
}

}  // namespace

std::vector<const Pod*> Cluster::pods(const Owner& owner) const { return pods_.of(owner); }

std::set<Text> Cluster::makers(const Owner& owner, std::string_view controller_uid) const {
  std::set<Text> out{Text(controller_uid)};
  for (const Controller* set : sets_.of(owner))
    if (set->meta.controller == controller_uid) out.insert(set->meta.uid);
  return out;
}

std::vector<const Pod*> Cluster::pods(const Owner& owner, std::string_view controller_uid) const {
  std::vector<const Pod*> out = pods_.of(owner);
  const std::set<Text> by = makers(owner, controller_uid);
  std::erase_if(out, [&](const Pod* p) { return !by.contains(p->meta.controller); });
  return out;
}

int Cluster::ready_pods(const Owner& owner) const {
  return static_cast<int>(std::ranges::count_if(
      pods_.of(owner), [](const Pod* pod) { return pod->ready && !pod->meta.deleting; }));
}

const Controller* Cluster::controller(const Owner& owner) const {
  for (const Kept<Controller>& one : controllers_)
    if (const Controller* c = first(one.of(owner))) return c;
  return nullptr;
}
const Autoscaler* Cluster::autoscaler(const Owner& owner) const { return first(autoscalers_.of(owner)); }
const Controller* Cluster::controller(Workload workload, std::string_view ns, std::string_view name) const {
  return kept(workload).find(Key{ns, name});
}
const Autoscaler* Cluster::autoscaler(std::string_view ns, std::string_view name) const {
  return autoscalers_.find(Key{ns, name});
}

std::optional<std::vector<const Pod*>> Cluster::answering(const Target& target) const {
  if (!is_live(target.environment)) return std::nullopt;
  for (const auto& f : feeds_)
    if (f->of == Of::endpoints && is_of(*f, target.environment) && (!f->protocol->synced() || f->trouble))
      return std::nullopt;
  std::map<Text, const Pod*> out;  // of a Service with two families of addresses each stands twice
  for (const EndpointSlice* s : endpoints_.of(Owner{target, 0}))
    for (const EndpointSlice::Endpoint& e : s->endpoints)
      if (const Pod* pod = e.ready ? pods_.find(Key{s->meta.ns, e.pod}) : nullptr) out[e.pod] = pod;
  std::vector<const Pod*> pods;
  for (const auto& [name, pod] : out) pods.push_back(pod);
  return pods;
}

std::set<Target> Cluster::targets() const {
  std::set<Target> out;
  for (const Kept<Controller>& one : controllers_)
    for (const auto& [key, slot] : one.all()) out.insert(slot.object.meta.target());
  return out;
}

std::vector<const Controller*> Cluster::controllers(const Target& target) const {
  std::vector<const Controller*> out;
  for (const Kept<Controller>& one : controllers_)
    for (const Controller* c : one.of(target)) out.push_back(c);
  std::ranges::sort(out, {}, [](const Controller* c) { return std::pair(c->meta.deploy, c->meta.name); });
  return out;
}

int64_t Cluster::highest_number(const Target& target) const {
  int64_t out = std::max({pods_.highest(target), sets_.highest(target), autoscalers_.highest(target)});
  for (const Kept<Controller>& one : controllers_) out = std::max(out, one.highest(target));
  return out;
}

std::vector<Owned> Cluster::owned() const {
  std::vector<Owned> out;
  std::set<std::string_view> controllers;
  for (const WorkloadTraits& w : workloads())
    for (const auto& [key, slot] : kept(w.workload).all()) {
      out.push_back(kube::owned(w.kind, slot.object));
      controllers.insert(slot.object.meta.uid);
    }
  for (const auto& [key, slot] : sets_.all()) {
    if (!controllers.contains(slot.object.meta.controller))
      out.push_back(kube::owned("ReplicaSet", slot.object));
    controllers.insert(slot.object.meta.uid);
  }
  for (const auto& [key, slot] : autoscalers_.all())
    out.push_back(kube::owned("HorizontalPodAutoscaler", slot.object));
  for (const auto& [key, slot] : pods_.all())
    if (!controllers.contains(slot.object.meta.controller)) out.push_back(kube::owned("Pod", slot.object));
  return out;
}

uint64_t Cluster::relists() const {
  uint64_t out = 0;
  for (const auto& f : feeds_)
    if (f->protocol) out += f->protocol->relists();
  return out;
}

}  // namespace lemmy::kube
