#include "kube/objects.h"

#include <charconv>

#include "domain/names.h"

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
// Of many objects, and of this one only.
Text shared(const json::object& o, std::string_view key) { return Text::shared(text_or(o, key)); }
Text own(const json::object& o, std::string_view key) { return text_or(o, key); }
// A message names its pod, or many pods say the same.
Text message(const json::object& o, const Meta& meta) {
  std::string_view text = text_or(o, "message");
  return text.find(meta.name.view()) == text.npos ? Text::shared(text) : Text(text);
}
Time time(const json::object& o, std::string_view key) {
  return parse_time(text_or(o, key)).value_or(Time{});
}
int number(const json::object& o, std::string_view key, int otherwise = 0) {
  return static_cast<int>(int_or(o, key, otherwise));
}

template <class F>
void each_object(const json::array& a, F f) {
  for (const json::value& v : a)
    if (const json::object* o = v.if_object()) f(*o);
}

ContainerState parse_state(const json::object& o, const Meta& meta) {
  ContainerState s;
  if (const json::object& w = object_at(o, "waiting"); !w.empty()) {
    s.reason = shared(w, "reason");
    s.message = message(w, meta);
  } else if (o.contains("running")) {
    s.kind = ContainerState::Kind::running;
    s.since = time(object_at(o, "running"), "startedAt");
  } else if (const json::object& t = object_at(o, "terminated"); !t.empty()) {
    s.kind = ContainerState::Kind::terminated;
    s.reason = shared(t, "reason");
    s.message = message(t, meta);
    s.exit_code = number(t, "exitCode");
    s.since = time(t, "finishedAt");
  }
  return s;
}

void add_containers(Pod& pod, const json::array& statuses, bool init) {
  each_object(statuses, [&](const json::object& o) {
    Container c{shared(o, "name"),
                shared(o, "image"),
                init,
                bool_or(o, "ready"),
                number(o, "restartCount"),
                parse_state(object_at(o, "state"), pod.meta),
                {}};
    if (const json::object& last = object_at(o, "lastState"); last.contains("terminated"))
      c.last = parse_state(last, pod.meta);
    pod.containers.push_back(std::move(c));
  });
}

// As kubectl chooses it: an annotation that names no container of the pod counts for nothing.
Text default_container(const json::object& object) {
  const json::object& spec = object_at(object, "spec");
  std::string_view wanted = text_or(object_at(object_at(object, "metadata"), "annotations"),
                                    "kubectl.kubernetes.io/default-container");
  bool known = false;
  for (std::string_view list : {"containers", "initContainers", "ephemeralContainers"})
    each_object(array_at(spec, list),
                [&](const json::object& c) { known = known || text_or(c, "name") == wanted; });
  if (known && !wanted.empty()) return Text::shared(wanted);
  const json::array& containers = array_at(spec, "containers");
  const json::object* first = containers.empty() ? nullptr : containers[0].if_object();
  return first ? shared(*first, "name") : Text();
}

}  // namespace

Meta parse_meta(const json::object& object) {
  const json::object& m = object_at(object, "metadata");
  const json::object& labels = object_at(m, "labels");
  Meta meta;
  meta.ns = shared(m, "namespace");
  meta.name = own(m, "name");
  meta.uid = own(m, "uid");
  meta.project = shared(labels, "project");
  meta.environment = shared(labels, "environment");
  std::string_view deploy = text_or(labels, "deploy");
  auto [end, bad] = std::from_chars(deploy.data(), deploy.data() + deploy.size(), meta.deploy);
  if (bad != std::errc() || end != deploy.data() + deploy.size()) meta.deploy = 0;
  if (meta.deploy > kHighestDeploy) meta.deploy = 0;
  each_object(array_at(m, "ownerReferences"), [&](const json::object& o) {
    if (bool_or(o, "controller")) meta.controller = shared(o, "uid");
  });
  meta.created = time(m, "creationTimestamp");
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

static Answers answers_of(const json::object& object) {
  const std::string_view said = text_or(object_at(object_at(object, "metadata"), "labels"), kAnswersLabel);
  return said == "yes" ? Answers::yes : said.empty() ? Answers::unsaid : Answers::no;
}

Pod parse_pod(const json::object& object) {
  Pod p;
  p.meta = parse_meta(object);
  p.answers = answers_of(object);
  const json::object& status = object_at(object, "status");
  p.node = shared(object_at(object, "spec"), "nodeName");
  p.phase = shared(status, "phase");
  p.reason = shared(status, "reason");
  p.message = message(status, p.meta);
  p.default_container = default_container(object);
  each_object(array_at(status, "conditions"), [&](const json::object& c) {
    if (text_or(c, "type") == "Ready") p.ready = text_or(c, "status") == "True";
    if (text_or(c, "type") == "PodScheduled" && text_or(c, "status") == "False")
      p.unschedulable = message(c, p.meta);
  });
  p.containers.reserve(array_at(status, "initContainerStatuses").size() +
                       array_at(status, "containerStatuses").size());
  add_containers(p, array_at(status, "initContainerStatuses"), true);
  add_containers(p, array_at(status, "containerStatuses"), false);
  return p;
}

Controller parse_controller(const json::object& object) {
  Controller controller;
  controller.meta = parse_meta(object);
  const json::object& status = object_at(object, "status");
  controller.wanted = number(object_at(object, "spec"), "replicas", 1);
  controller.answers = answers_of(object_at(object_at(object, "spec"), "template"));
  controller.replicas = number(status, "replicas");
  controller.ready = number(status, "readyReplicas");
  controller.observed =
      int_or(status, "observedGeneration") >= int_or(object_at(object, "metadata"), "generation");
  each_object(array_at(status, "conditions"), [&](const json::object& c) {
    if (text_or(c, "type") == "ReplicaFailure" && text_or(c, "status") == "True")
      controller.failure = text(c, "message");
  });
  return controller;
}

EndpointSlice parse_endpoints(const json::object& object) {
  EndpointSlice s;
  s.meta = parse_meta(object);
  s.service = shared(object_at(object_at(object, "metadata"), "labels"), "kubernetes.io/service-name");
  const json::array& endpoints = array_at(object, "endpoints");
  s.endpoints.reserve(endpoints.size());
  each_object(endpoints, [&](const json::object& e) {
    const json::object& of = object_at(e, "targetRef");
    // Not said is ready: the API's own rule.
    s.endpoints.push_back({text_or(of, "kind") == "Pod" ? own(of, "name") : Text(),
                           bool_or(object_at(e, "conditions"), "ready", true)});
  });
  return s;
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
  e.about_kind = shared(about, "kind");
  e.about_name = own(about, "name");
  e.about_uid = own(about, "uid");
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
  if (!pod.reason.empty()) return pod.reason.str();
  for (const Container& c : pod.containers) {
    bool done = c.state.kind == ContainerState::Kind::terminated && c.state.exit_code == 0;
    if (c.init && done) continue;
    if (c.state.kind == ContainerState::Kind::waiting && !c.state.reason.empty() &&
        c.state.reason != "PodInitializing")
      return (c.init ? "Init:" : "") + c.state.reason;
    if (c.state.kind == ContainerState::Kind::terminated && !done)
      return (c.init ? "Init:" : "") + (c.state.reason.empty() ? std::string("Error") : c.state.reason.str());
  }
  if (pod.phase == "Pending" && !pod.unschedulable.empty()) return "Unschedulable";
  return pod.phase.empty() ? "Pending" : pod.phase.str();
}

int pod_restarts(const Pod& pod) {
  int n = 0;
  for (const Container& c : pod.containers) n += c.restarts;
  return n;
}

}  // namespace lemmy::kube
