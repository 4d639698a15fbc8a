#include <fmt/format.h>

#include "kube/objects.h"
#include "playground/api.h"

namespace lemmy::playground {
namespace {

std::string age(const Object& o) {
  auto created = parse_time(text_or(o.meta(), "creationTimestamp"));
  if (!created) return "<unknown>";
  auto s = std::chrono::duration_cast<seconds>(now() - *created).count();
  return s < 120    ? fmt::format("{}s", s)
         : s < 7200 ? fmt::format("{}m", s / 60)
                    : fmt::format("{}h", s / 3600);
}

std::vector<std::string_view> columns(Kind kind) {
  switch (kind) {
    case Kind::pod:
      return {"Name", "Ready", "Status", "Restarts", "Age", "IP", "Node"};
    case Kind::deployment:
      return {"Name", "Ready", "Up-to-date", "Available", "Age"};
    case Kind::rc:
    case Kind::replica_set:
      return {"Name", "Desired", "Current", "Ready", "Age"};
    case Kind::autoscaler:
      return {"Name", "Reference", "Targets", "MinPods", "MaxPods", "Replicas", "Age"};
    case Kind::event:
      return {"Last Seen", "Type", "Reason", "Object", "Message"};
    default:
      return {"Name", "Age"};
  }
}

json::array cells(const Object& o) {
  json::object whole = o.whole();
  if (o.kind == Kind::pod) {
    kube::Pod p = kube::parse_pod(whole);
    auto ready = std::ranges::count_if(p.containers, [](const auto& c) { return c.ready && !c.init; });
    auto all = std::ranges::count_if(p.containers, [](const auto& c) { return !c.init; });
    return {o.name,
            fmt::format("{}/{}", ready, std::max<int64_t>(all, 1)),
            kube::pod_status(p),
            std::to_string(kube::pod_restarts(p)),
            age(o),
            text_or(o.part("status"), "podIP"),
            p.node};
  }
  if (o.kind == Kind::deployment) {
    const json::object& status = o.part("status");
    return {o.name, fmt::format("{}/{}", int_or(status, "readyReplicas"), o.spec_int("replicas", 1)),
            int_or(status, "updatedReplicas"), int_or(status, "availableReplicas"), age(o)};
  }
  if (o.kind == Kind::rc || o.kind == Kind::replica_set) {
    auto rc = kube::parse_controller(whole);
    return {o.name, rc.wanted, rc.replicas, rc.ready, age(o)};
  }
  if (o.kind == Kind::autoscaler) {
    auto a = kube::parse_autoscaler(whole);
    const json::object& ref = sub(o.spec_object(), "scaleTargetRef");
    std::string cpu = a.cpu ? fmt::format("{}%", *a.cpu) : "<unknown>";
    return {o.name,
            fmt::format("{}/{}", text_or(ref, "kind"), text_or(ref, "name")),
            fmt::format("cpu: {}/{}%", cpu, a.cpu_target.value_or(0)),
            std::to_string(a.min),
            std::to_string(a.max),
            a.current,
            age(o)};
  }
  if (o.kind == Kind::event) {
    auto e = kube::parse_event(whole);
    return {age(o), e.group.type, e.group.reason, e.about_kind + "/" + e.about_name, e.group.message};
  }
  return {o.name, age(o)};
}

}  // namespace

json::object table(const Resource& what, const std::vector<Stored>& objects, const std::string& version) {
  json::array heads, rows;
  for (auto name : columns(what.kind))
    heads.push_back({{"name", name},
                     {"type", "string"},
                     {"format", name == "Name" ? "name" : ""},
                     {"description", ""},
                     {"priority", name == "IP" || name == "Node" ? 1 : 0}});
  for (const Stored& o : objects) rows.push_back({{"cells", cells(*o)}, {"object", metadata_of(*o)}});
  return {{"kind", "Table"},
          {"apiVersion", "meta.k8s.io/v1"},
          {"metadata", {{"resourceVersion", version}}},
          {"columnDefinitions", std::move(heads)},
          {"rows", std::move(rows)}};
}

}  // namespace lemmy::playground
