#include "playground/world.h"

#include <fmt/format.h>

#include "base/crypto.h"
#include "playground/pod_life.h"

namespace lemmy::playground {

World::World(asio::any_io_executor executor, ClusterOptions o)
    : options(std::move(o)),
      random(options.seed),
      agenda(executor),
      store(executor, options.history),
      recorder(*this) {
  store.listen([this](const Change& c) {
    int by = c.type == Change::Type::added ? 1 : c.type == Change::Type::deleted ? -1 : 0;
    if (by) counted[{c.now->ns, std::string(resource(c.now->kind).name)}] += by;
  });
  garbage = std::make_unique<Garbage>(*this);
  pods = std::make_unique<Pods>(*this);
  replication = std::make_unique<Replication>(*this);
  deployments = std::make_unique<Deployments>(*this);
  autoscaling = std::make_unique<Autoscaling>(*this);
  endpoints = std::make_unique<Endpoints>(*this);
}
World::~World() = default;

std::string World::free_name(Kind kind, const std::string& ns, const std::string& prefix, size_t letters) {
  static constexpr std::string_view all = "bcdfghjklmnpqrstvwxz2456789";
  for (;;) {
    std::string out = prefix;
    while (out.size() < prefix.size() + letters) out += all[random() % all.size()];
    if (!store.find(kind, ns, out)) return out;
  }
}

void World::remove(const Object& object) {
  if (object.kind == Kind::pod)
    pods->end(object);
  else if (object.kind == Kind::ns)
    remove_namespace(object.name);
  else
    store.remove(object.kind, object.ns, object.name);
}

void World::remove_namespace(const std::string& name) {
  for (size_t k = 0; k < kKinds; ++k) {
    Kind kind = static_cast<Kind>(k);
    if (kind == Kind::ns) continue;
    std::vector<Stored> all;
    for (auto it = store.all(kind).lower_bound({name, ""});
         it != store.all(kind).end() && it->first.first == name; ++it)
      all.push_back(it->second);
    for (const Stored& o : all) store.remove(kind, o->ns, o->name);
  }
  store.remove(Kind::ns, "", name);
}

Answer<> World::check_quota(const Resource& what, const std::string& ns, const std::string& name) const {
  auto quota = options.quota.find(ns);
  if (quota == options.quota.end()) return {};
  auto limit = quota->second.find(std::string(what.name));
  if (limit == quota->second.end()) return {};
  auto used = counted.find({ns, std::string(what.name)});
  int n = used == counted.end() ? 0 : used->second;
  if (n < limit->second) return {};
  std::string key = what.kind == Kind::pod ? "pods" : "count/" + what.qualified();
  return refuse(forbidden(what, name,
                          fmt::format("exceeded quota: {}, requested: {}=1, used: {}={}, limited: {}={}", ns,
                                      key, key, n, key, limit->second)));
}

void Recorder::record(const Object& about, const std::string& container, const char* type,
                      const std::string& reason, const std::string& message, const char* component) {
  if (world_.stopping) return;
  std::string key = about.uid + "\n" + container + "\n" + reason + "\n" + message;
  auto it = known_.find(key);
  if (it != known_.end()) {
    if (Stored old = world_.store.find(Kind::event, it->second.first, it->second.second)) {
      Object again = *old;
      again.head["count"] = int_or(again.head, "count", 1) + 1;
      again.head["lastTimestamp"] = stamp(now());
      world_.store.put(std::move(again));
      return;
    }
  }
  Object e;
  e.kind = Kind::event;
  e.ns = about.ns.empty() ? "default" : about.ns;
  e.name = fmt::format("{}.{:016x}", about.name, world_.random());
  json::object ref{{"kind", resource(about.kind).type},
                   {"namespace", about.ns},
                   {"name", about.name},
                   {"uid", about.uid},
                   {"apiVersion", resource(about.kind).version},
                   {"resourceVersion", std::to_string(about.version)}};
  if (!container.empty()) ref["fieldPath"] = fmt::format("spec.containers{{{}}}", container);
  std::string at = stamp(now());
  e.head = {{"kind", "Event"},
            {"apiVersion", "v1"},
            {"metadata", {{"name", e.name}, {"namespace", e.ns}}},
            {"involvedObject", std::move(ref)},
            {"reason", reason},
            {"message", message},
            {"source", {{"component", component}}},
            {"firstTimestamp", at},
            {"lastTimestamp", at},
            {"count", 1},
            {"type", type},
            {"eventTime", nullptr},
            {"reportingComponent", component},
            {"reportingInstance", ""}};
  Key place{e.ns, e.name};
  world_.store.put(std::move(e));
  known_[key] = place;
  order_.emplace_back(std::move(key), place);
  while (order_.size() > world_.options.events) {
    auto& [old, where] = order_.front();
    if (auto k = known_.find(old); k != known_.end() && k->second == where) known_.erase(k);
    world_.store.remove(Kind::event, where.first, where.second);
    order_.pop_front();
  }
}

Garbage::Garbage(World& world) : world_(world) {
  world_.store.listen([this](const Change& c) {
    if (c.type == Change::Type::deleted) {
      lost(c.now->uid);
    } else if (c.type == Change::Type::added && !c.now->owners().empty()) {
      world_.agenda.after(world_.paced(milliseconds{500}), [this, uid = c.now->uid] { check(uid); });
    }
  });
}

void Garbage::lost(const std::string& owner) {
  for (const Stored& o : world_.store.dependents(owner))
    world_.agenda.after(world_.paced(milliseconds{50}), [this, uid = o->uid] { check(uid); });
}

// Owners that are gone are dropped; without any left, the object goes.
void Garbage::check(const std::string& dependent) {
  Stored o = world_.store.by_uid(dependent);
  if (!o || o->owners().empty() || o->deleting()) return;
  json::array left;
  for (const json::value& v : list_in(o->meta(), "ownerReferences"))
    if (v.is_object() && world_.store.by_uid(std::string(text_or(v.get_object(), "uid")))) left.push_back(v);
  if (left.empty()) return world_.remove(*o);
  if (left.size() == o->owners().size()) return;
  Object changed = *o;
  changed.meta()["ownerReferences"] = std::move(left);
  world_.store.put(std::move(changed));
}

}  // namespace lemmy::playground
