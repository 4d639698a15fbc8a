#include <fmt/format.h>

#include "playground/pod_life.h"
#include "playground/world.h"

namespace lemmy::playground {
namespace {
constexpr int kBurst = 100;  // pods made or deleted at one go
const char* component(const Object& o) {
  return o.kind == Kind::rc ? "replication-controller" : "replicaset-controller";
}

std::string controller_of(const Object& pod) {
  for (const json::value& v : list_in(pod.meta(), "ownerReferences"))
    if (v.is_object() && bool_or(v.get_object(), "controller"))
      return std::string(text_or(v.get_object(), "uid"));
  return {};
}
bool active(const Object& pod) {
  std::string_view phase = text_or(pod.part("status"), "phase");
  return !pod.deleting() && phase != "Failed" && phase != "Succeeded";
}
}  // namespace

Replication::Replication(World& world) : world_(world) {
  world_.store.listen([this](const Change& c) {
    if (c.now->kind == Kind::pod) on_pod(c);
    if (c.now->kind != Kind::rc && c.now->kind != Kind::replica_set) return;
    if (c.type == Change::Type::deleted) {
      tallies_.erase(c.now->uid);
      pod_specs_.erase(c.now->uid);
    } else if (!c.before || c.before->spec != c.now->spec) {
      mark(c.now->uid);
    }
  });
}

void Replication::on_pod(const Change& c) {
  std::string owner = controller_of(*c.now);
  if (owner.empty() || !world_.store.by_uid(owner)) return;
  Tally& t = tallies_[owner];
  bool gone = c.type == Change::Type::deleted;
  bool was = c.before && active(*c.before), is = !gone && active(*c.now);
  bool was_ready = was && pod_is_ready(*c.before), is_ready = is && pod_is_ready(*c.now);
  Key key{c.now->ns, c.now->name};
  if (is) t.active.insert(key);
  if (was && !is) t.active.erase(key);
  t.ready += int(is_ready) - int(was_ready);
  if (was != is || was_ready != is_ready) mark(owner);
}

void Replication::mark(const std::string& uid, milliseconds delay) {
  Tally& t = tallies_[uid];
  if (t.dirty) return;
  t.dirty = true;
  world_.agenda.after(delay, [this, uid] { sync(uid); });
}

void Replication::sync(const std::string& uid) {
  Stored rc = world_.store.by_uid(uid);
  auto it = tallies_.find(uid);
  if (it == tallies_.end()) return;
  it->second.dirty = false;
  if (!rc || rc->deleting()) return;
  Tally& t = it->second;
  int64_t wanted = rc->spec_int("replicas", 1), have = static_cast<int64_t>(t.active.size());
  std::string failure;
  if (have < wanted) {
    auto& [from, spec] = pod_specs_[uid];
    const json::object& pod = sub(rc->spec_object(), "template");
    if (from != rc->spec.get()) {
      json::value made = sub(pod, "spec");
      if (!spec || spec->value != made) spec = freeze(std::move(made));
      from = rc->spec.get();
    }
    const json::object& meta = sub(pod, "metadata");
    for (int i = 0; i < kBurst && have < wanted && failure.empty(); ++i)
      if (create_pod(*rc, spec, sub(meta, "labels"), sub(meta, "annotations"), &failure)) ++have;
    if (!failure.empty()) {
      t.failures = std::min(t.failures + 1, 10);
      mark(uid, world_.paced(milliseconds{500 << t.failures}));
    } else {
      t.failures = 0;
      if (have < wanted) mark(uid, milliseconds{5});
    }
  } else if (have > wanted) {
    remove_pods(*rc, t, static_cast<size_t>(std::min<int64_t>(have - wanted, kBurst)));
    if (have - wanted > kBurst) mark(uid, milliseconds{5});
  }
  write_status(*rc, t, failure);
}

bool Replication::create_pod(const Object& rc, const Spec& spec, const json::object& labels,
                             const json::object& annotations, std::string* why) {
  Object pod;
  pod.kind = Kind::pod;
  pod.ns = rc.ns;
  pod.name = world_.free_name(Kind::pod, rc.ns, rc.name.substr(0, 57) + "-");
  if (auto ok = world_.check_quota(resource(Kind::pod), pod.ns, pod.name); !ok) {
    *why = ok.error().message;
    world_.recorder.record(rc, "", "Warning", "FailedCreate", "Error creating: " + *why, component(rc));
    return false;
  }
  json::object meta{
      {"name", pod.name}, {"generateName", rc.name + "-"}, {"namespace", pod.ns}, {"labels", labels}};
  if (!annotations.empty()) meta["annotations"] = annotations;
  meta["ownerReferences"] = json::array{json::object{{"apiVersion", resource(rc.kind).version},
                                                     {"kind", resource(rc.kind).type},
                                                     {"name", rc.name},
                                                     {"uid", rc.uid},
                                                     {"controller", true},
                                                     {"blockOwnerDeletion", true}}};
  pod.head = {{"kind", "Pod"},
              {"apiVersion", "v1"},
              {"metadata", std::move(meta)},
              {"status", {{"phase", "Pending"}, {"qosClass", "Burstable"}}}};
  pod.spec = spec;
  std::string name = pod.name;
  world_.store.put(std::move(pod));
  world_.recorder.record(rc, "", "Normal", "SuccessfulCreate", "Created pod: " + name, component(rc));
  return true;
}

void Replication::remove_pods(const Object& rc, Tally& tally, size_t n) {
  // Not ready ones first, as the real controller prefers; only as many as are looked at anyway.
  std::vector<Stored> chosen;
  for (bool ready : {false, true})
    for (auto it = tally.active.begin(); it != tally.active.end() && chosen.size() < n; ++it)
      if (Stored pod = world_.store.find(Kind::pod, it->first, it->second);
          pod && pod_is_ready(*pod) == ready)
        chosen.push_back(pod);
  for (const Stored& pod : chosen) {
    world_.recorder.record(rc, "", "Normal", "SuccessfulDelete", "Deleted pod: " + pod->name, component(rc));
    world_.pods->end(*pod);
  }
}

void Replication::write_status(const Object& rc, Tally& tally, const std::string& failure) {
  Stored now_there = world_.store.by_uid(rc.uid);
  if (!now_there) return;
  Object next = *now_there;
  auto n = static_cast<int64_t>(tally.active.size());
  json::object status{{"replicas", n}, {"fullyLabeledReplicas", n}};
  if (tally.ready > 0) status["readyReplicas"] = status["availableReplicas"] = tally.ready;
  status["observedGeneration"] = int_or(rc.meta(), "generation", 1);
  if (!failure.empty()) {
    json::value at(stamp(now()));
    for (const json::value& v : list_in(next.part("status"), "conditions"))
      if (v.is_object()) at = v.at("lastTransitionTime");
    status["conditions"] = json::array{json::object{{"type", "ReplicaFailure"},
                                                    {"status", "True"},
                                                    {"lastTransitionTime", at},
                                                    {"reason", "FailedCreate"},
                                                    {"message", failure}}};
  }
  next.head["status"] = std::move(status);
  world_.store.put(std::move(next));
}

}  // namespace lemmy::playground
