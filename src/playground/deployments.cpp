#include <fmt/format.h>

#include "base/crypto.h"
#include "playground/world.h"

namespace lemmy::playground {
namespace {

constexpr const char* kBy = "deployment-controller";
constexpr const char* kHash = "pod-template-hash";
constexpr milliseconds kSoon{2};

std::string hash_of(const Object& deployment) {
  return sha256_hex(json::serialize(sub(deployment.spec_object(), "template"))).substr(0, 10);
}

std::string deployment_of(const Object& set) {
  for (const json::value& v : list_in(set.meta(), "ownerReferences"))
    if (v.is_object() && bool_or(v.get_object(), "controller"))
      return std::string(text_or(v.get_object(), "uid"));
  return {};
}

bool is_of(const Object& set, const std::string& hash) {
  const json::object* labels = set.labels();
  return labels && text_or(*labels, kHash) == hash;
}

Object set_for(const Object& deployment, const std::string& hash) {
  Object set;
  set.kind = Kind::replica_set;
  set.ns = deployment.ns;
  set.name = fmt::format("{}-{}", deployment.name, hash);
  json::object pod = sub(deployment.spec_object(), "template");
  json::object& labels = make_sub(make_sub(pod, "metadata"), "labels");
  labels[kHash] = hash;
  json::object selector = sub(deployment.spec_object(), "selector");
  make_sub(selector, "matchLabels")[kHash] = hash;
  json::object meta{{"name", set.name}, {"namespace", set.ns}, {"labels", labels}};
  meta["annotations"] = json::object{{"deployment.kubernetes.io/revision", "1"}};
  meta["ownerReferences"] = json::array{json::object{{"apiVersion", "apps/v1"},
                                                     {"kind", "Deployment"},
                                                     {"name", deployment.name},
                                                     {"uid", deployment.uid},
                                                     {"controller", true},
                                                     {"blockOwnerDeletion", true}}};
  set.head = {{"kind", "ReplicaSet"},
              {"apiVersion", "apps/v1"},
              {"metadata", std::move(meta)},
              {"status", {{"replicas", 0}}}};
  set.spec = freeze(json::object{{"replicas", deployment.spec_int("replicas", 1)},
                                 {"selector", std::move(selector)},
                                 {"template", std::move(pod)}});
  return set;
}

}  // namespace

Deployments::Deployments(World& world) : world_(world) {
  world_.store.listen([this](const Change& c) {
    if (c.now->kind == Kind::replica_set) mark(deployment_of(*c.now));
    if (c.now->kind == Kind::deployment && c.type != Change::Type::deleted &&
        (!c.before || c.before->spec != c.now->spec))
      mark(c.now->uid);
  });
}

void Deployments::mark(const std::string& uid) {
  if (uid.empty() || !dirty_.insert(uid).second) return;
  world_.agenda.after(kSoon, [this, uid] { sync(uid); });
}

void Deployments::sync(const std::string& uid) {
  dirty_.erase(uid);
  Stored deployment = world_.store.by_uid(uid);
  if (!deployment || deployment->deleting()) return;
  const std::string hash = hash_of(*deployment);
  const int64_t wanted = deployment->spec_int("replicas", 1);
  std::vector<Stored> sets;
  Stored newest;
  for (const Stored& o : world_.store.dependents(uid)) {
    if (o->kind != Kind::replica_set) continue;
    sets.push_back(o);
    if (is_of(*o, hash)) newest = o;
  }
  if (!newest && !bool_or(deployment->spec_object(), "paused")) {
    newest = world_.store.put(set_for(*deployment, hash));
    sets.push_back(newest);
    world_.recorder.record(*deployment, "", "Normal", "ScalingReplicaSet",
                           fmt::format("Scaled up replica set {} from 0 to {}", newest->name, wanted), kBy);
  }
  const bool is_ready = newest && int_or(newest->part("status"), "readyReplicas") >= wanted &&
                        newest->spec_int("replicas", 0) == wanted;
  for (Stored& set : sets) {
    const int64_t is = set->spec_int("replicas", 0);
    const int64_t to = set == newest ? wanted : is_ready ? 0 : is;
    if (is == to) continue;
    Object scaled = *set;
    json::value spec = set->spec->value;
    spec.get_object()["replicas"] = to;
    scaled.spec = freeze(std::move(spec));
    const bool is_newest = set == newest;
    set = world_.store.put(std::move(scaled));
    if (is_newest) newest = set;
    world_.recorder.record(
        *deployment, "", "Normal", "ScalingReplicaSet",
        fmt::format("Scaled {} replica set {} from {} to {}", to > is ? "up" : "down", set->name, is, to),
        kBy);
  }
  write_status(*deployment, sets, newest.get());
}

void Deployments::write_status(const Object& deployment, const std::vector<Stored>& sets,
                               const Object* newest) {
  Stored there = world_.store.by_uid(deployment.uid);
  if (!there) return;
  int64_t all = 0, ready = 0;
  json::array conditions;
  for (const Stored& set : sets) {
    all += int_or(set->part("status"), "replicas");
    ready += int_or(set->part("status"), "readyReplicas");
    if (set.get() == newest)
      for (const json::value& v : list_in(set->part("status"), "conditions")) conditions.push_back(v);
  }
  json::object status{{"observedGeneration", int_or(deployment.meta(), "generation", 1)}};
  if (all > 0) status["replicas"] = all;
  if (newest)
    if (const int64_t updated = int_or(newest->part("status"), "replicas"))
      status["updatedReplicas"] = updated;
  if (ready > 0) status["readyReplicas"] = status["availableReplicas"] = ready;
  if (const int64_t wanted = deployment.spec_int("replicas", 1); ready < wanted)
    status["unavailableReplicas"] = wanted - ready;
  if (!conditions.empty()) status["conditions"] = std::move(conditions);
  Object next = *there;
  next.head["status"] = std::move(status);
  world_.store.put(std::move(next));
}

}  // namespace lemmy::playground
