#include "kube/objects.h"

#include <charconv>

namespace lemmy::kube {
namespace {

const json::object& object_at(const json::object& o, std::string_view key) {
  static const json::object none;
  const json::value* v = o.if_contains(key);
  return v && v->is_object() ? v->get_object() : none;
}
const json::array& array_at(const json::object& o, std::string_view key) {
  static const json::array none;
  const json::value* v = o.if_contains(key);
  return v && v->is_array() ? v->get_array() : none;
}
std::string text(const json::object& o, std::string_view key) { return std::string(text_or(o, key)); }
int number(const json::object& o, std::string_view key, int otherwise = 0) {
  return static_cast<int>(int_or(o, key, otherwise));
}

template <class F>
void each_object(const json::array& a, F f) {
  for (const json::value& v : a)
    if (const json::object* o = v.if_object()) f(*o);
}

ContainerState parse_state(const json::object& o) {
  ContainerState s;
  if (const json::object& w = object_at(o, "waiting"); !w.empty()) {
    s.reason = text(w, "reason");
    s.message = text(w, "message");
  } else if (o.contains("running")) {
    s.kind = ContainerState::Kind::running;
    s.since = parse_time(text_or(object_at(o, "running"), "startedAt"));
  } else if (const json::object& t = object_at(o, "terminated"); !t.empty()) {
    s.kind = ContainerState::Kind::terminated;
    s.reason = text(t, "reason");
    s.message = text(t, "message");
    s.exit_code = number(t, "exitCode");
    s.since = parse_time(text_or(t, "finishedAt"));
  }
  return s;
}

void add_containers(Pod& pod, const json::array& statuses, bool init) {
  each_object(statuses, [&](const json::object& o) {
    Container c{text(o, "name"),
                text(o, "image"),
                text(o, "imageID"),
                init,
                bool_or(o, "ready"),
                number(o, "restartCount"),
                parse_state(object_at(o, "state"))};
    if (const json::object& last = object_at(o, "lastState"); last.contains("terminated"))
      c.last = parse_state(last);
    pod.containers.push_back(std::move(c));
  });
}

}  // namespace

Meta parse_meta(const json::object& object) {
  const json::object& m = object_at(object, "metadata");
  const json::object& labels = object_at(m, "labels");
  Meta meta{text(m, "namespace"), text(m, "name"), text(m, "uid")};
  meta.owner.target = {text(labels, "project"), text(labels, "environment")};
  std::string_view deploy = text_or(labels, "deploy");
  std::from_chars(deploy.data(), deploy.data() + deploy.size(), meta.owner.deploy);
  meta.created = parse_time(text_or(m, "creationTimestamp")).value_or(Time{});
  meta.deleting = m.contains("deletionTimestamp");
  return meta;
}

std::string parse_version(const json::object& object) {
  return text(object_at(object, "metadata"), "resourceVersion");
}

json::array other_owners(const json::object& object, std::string_view uid) {
  json::array out;
  const json::value* owners = find(object_at(object, "metadata"), "ownerReferences");
  if (owners && owners->is_array())
    for (const json::value& o : owners->get_array())
      if (o.is_object() && text_or(o.get_object(), "uid") != uid) out.push_back(o);
  return out;
}

Pod parse_pod(const json::object& object) {
  Pod p;
  p.meta = parse_meta(object);
  const json::object& status = object_at(object, "status");
  p.node = text(object_at(object, "spec"), "nodeName");
  p.phase = text(status, "phase");
  p.reason = text(status, "reason");
  p.message = text(status, "message");
  p.ip = text(status, "podIP");
  each_object(array_at(status, "conditions"), [&](const json::object& c) {
    if (text_or(c, "type") == "Ready") p.ready = text_or(c, "status") == "True";
    if (text_or(c, "type") == "PodScheduled" && text_or(c, "status") == "False")
      p.unschedulable = text(c, "message");
  });
  add_containers(p, array_at(status, "initContainerStatuses"), true);
  add_containers(p, array_at(status, "containerStatuses"), false);
  return p;
}

ReplicationController parse_rc(const json::object& object) {
  ReplicationController rc;
  rc.meta = parse_meta(object);
  const json::object& status = object_at(object, "status");
  rc.wanted = number(object_at(object, "spec"), "replicas", 1);
  rc.replicas = number(status, "replicas");
  rc.ready = number(status, "readyReplicas");
  rc.observed = int_or(status, "observedGeneration") >= int_or(object_at(object, "metadata"), "generation");
  each_object(array_at(status, "conditions"), [&](const json::object& c) {
    if (text_or(c, "type") == "ReplicaFailure" && text_or(c, "status") == "True")
      rc.failure = text(c, "message");
  });
  return rc;
}

Autoscaler parse_autoscaler(const json::object& object) {
  Autoscaler a;
  a.meta = parse_meta(object);
  const json::object& spec = object_at(object, "spec");
  const json::object& status = object_at(object, "status");
  a.min = number(spec, "minReplicas", 1);
  a.max = number(spec, "maxReplicas", 1);
  a.current = number(status, "currentReplicas");
  a.desired = number(status, "desiredReplicas");
  auto utilisation = [](const json::array& metrics, std::string_view part, std::string_view key) {
    std::optional<int> out;
    each_object(metrics, [&](const json::object& m) {
      const json::object& r = object_at(m, "resource");
      const json::object& v = object_at(r, part);
      if (text_or(r, "name") == "cpu" && v.contains(key)) out = number(v, key);
    });
    return out;
  };
  a.cpu_target = utilisation(array_at(spec, "metrics"), "target", "averageUtilization");
  a.cpu = utilisation(array_at(status, "currentMetrics"), "current", "averageUtilization");
  each_object(array_at(status, "conditions"), [&](const json::object& c) {
    if (text_or(c, "type") == "ScalingActive" && text_or(c, "status") == "False" &&
        text_or(c, "reason") != "ScalingDisabled")
      a.trouble = text(c, "message");
  });
  return a;
}

Event parse_event(const json::object& object) {
  Event e;
  e.meta = parse_meta(object);
  const json::object& about = object_at(object, "involvedObject");
  e.about_kind = text(about, "kind");
  e.about_name = text(about, "name");
  e.about_uid = text(about, "uid");
  e.group = {text(object, "type"), text(object, "reason"), text(object, "message"),
             std::max(1, number(object, "count", 1))};
  // events.k8s.io keeps repeats in series, core/v1 in count and lastTimestamp.
  const json::object& series = object_at(object, "series");
  if (!series.empty()) e.group.count = std::max(e.group.count, number(series, "count", 1));
  for (auto t :
       {parse_time(text_or(series, "lastObservedTime")), parse_time(text_or(object, "lastTimestamp")),
        parse_time(text_or(object, "eventTime")), std::optional(e.meta.created)})
    if (t) {
      e.group.last = *t;
      break;
    }
  return e;
}

std::string pod_status(const Pod& pod) {
  if (pod.meta.deleting) return "Terminating";
  if (!pod.reason.empty()) return pod.reason;
  for (const Container& c : pod.containers) {
    bool done = c.state.kind == ContainerState::Kind::terminated && c.state.exit_code == 0;
    if (c.init && done) continue;
    if (c.state.kind == ContainerState::Kind::waiting && !c.state.reason.empty() &&
        c.state.reason != "PodInitializing")
      return (c.init ? "Init:" : "") + c.state.reason;
    if (c.state.kind == ContainerState::Kind::terminated && !done)
      return (c.init ? "Init:" : "") + (c.state.reason.empty() ? "Error" : c.state.reason);
  }
  if (pod.phase == "Pending" && !pod.unschedulable.empty()) return "Unschedulable";
  return pod.phase.empty() ? "Pending" : pod.phase;
}

int pod_restarts(const Pod& pod) {
  int n = 0;
  for (const Container& c : pod.containers) n += c.restarts;
  return n;
}

}  // namespace lemmy::kube
