#include "pods/picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "pods/place.h"
#include "pods/verdict.h"

namespace lemmy::pods {
namespace {

std::string_view state_name(kube::ContainerState::Kind kind) {
  using Kind = kube::ContainerState::Kind;
  return kind == Kind::waiting ? "waiting" : kind == Kind::running ? "running" : "terminated";
}

}  // namespace

std::string without_names(std::string message, const std::string& object_name) {
  constexpr size_t kSuffix = 5, kUid = 36;
  const std::string prefix = object_name + "-";
  for (size_t at = 0; !object_name.empty() && (at = message.find(prefix, at)) != message.npos;) {
    at += prefix.size();
    size_t end = at;
    while (end < message.size() && end - at < kSuffix &&
           std::isalnum(static_cast<unsigned char>(message[end])))
      ++end;
    if (end - at == kSuffix) message.replace(at, kSuffix, "*");
  }
  for (size_t at = 0; (at = message.find('(', at)) != message.npos; ++at)
    if (at + kUid + 1 < message.size() && message[at + kUid + 1] == ')' && message[at + 9] == '-' &&
        message[at + 14] == '-')
      message.erase(at, kUid + 2);
  return message;
}

std::string age(Time since) {
  return format_duration(std::max(seconds{1}, std::chrono::floor<seconds>(now() - since)));
}

json::object pod_json(const kube::Pod& pod) {
  int ready = 0, all = 0;
  json::array containers;
  for (const kube::Container& c : pod.containers) {
    if (!c.init) {
      ++all;
      ready += c.ready;
    }
    const kube::ContainerState* end = c.state.kind == kube::ContainerState::Kind::terminated ? &c.state
                                      : c.last                                               ? &*c.last
                                                                                             : nullptr;
    containers.push_back({{"name", c.name},
                          {"image", c.image},
                          {"init", c.init},
                          {"state", state_name(c.state.kind)},
                          {"reason", c.state.reason},
                          {"message", c.state.message},
                          {"exit_code", end ? json::value(end->exit_code) : json::value(nullptr)},
                          {"last_reason", c.last ? c.last->reason : ""},
                          {"restarts", c.restarts},
                          {"ready", c.ready}});
  }
  auto fatal = fatal_cause(pod);
  auto waiting = fatal ? std::nullopt : waiting_cause(pod);
  std::string note = fatal ? fatal->summary : waiting ? waiting->summary : "";
  if (fatal && !fatal->hint.empty()) note += "; " + fatal->hint;
  return {{"name", pod.meta.name},
          {"status", kube::pod_status(pod)},
          {"ready", fmt::format("{}/{}", ready, all)},
          {"is_ready", pod.ready},
          {"restarts", kube::pod_restarts(pod)},
          {"node", pod.node},
          {"age", age(pod.meta.created)},
          {"created_at", format_time(pod.meta.created)},
          {"note", note},
          {"fatal", fatal.has_value()},
          {"containers", std::move(containers)}};
}

json::array events_json(const kube::Cluster& cluster, const Deploy& d) {
  struct Row {
    EventGroup group;
    std::string about;
    int objects = 1;
  };
  std::map<std::pair<std::string, std::string>, Row> rows;
  auto add = [&](const std::string& object) {
    for (const EventGroup& e : cluster.events_about(object, d.target.environment)) {
      std::string message = without_names(e.message, d.object_name);
      auto [it, fresh] = rows.try_emplace({e.reason, message}, Row{e, object});
      if (fresh) continue;
      it->second.group.message = message;
      it->second.group.count += e.count;
      it->second.objects += it->second.about != object;
      it->second.group.last = std::max(it->second.group.last, e.last);
    }
  };
  if (!d.object_name.empty()) add(d.object_name);
  for (const kube::Pod* pod : pods_of(cluster, {d.target, d.number})) add(pod->meta.name);
  std::vector<Row> sorted;
  for (auto& [key, row] : rows) sorted.push_back(std::move(row));
  std::sort(sorted.begin(), sorted.end(),
            [](const Row& a, const Row& b) { return a.group.last > b.group.last; });
  if (sorted.size() > 50) sorted.resize(50);
  json::array out;
  for (const Row& r : sorted)
    out.push_back({{"type", r.group.type},
                   {"reason", r.group.reason},
                   {"message", r.group.message},
                   {"count", r.group.count},
                   {"last", format_time(r.group.last)},
                   {"age", age(r.group.last)},
                   {"about", r.objects > 1 ? fmt::format("{} pods", r.objects) : r.about}});
  return out;
}

std::vector<Role> roles(const std::vector<const kube::Pod*>& pods, const std::string& first) {
  std::vector<Role> out;
  for (const kube::Pod* pod : pods) {
    if (pod->ready || pod->meta.deleting) continue;
    auto fatal = fatal_cause(*pod);
    auto waiting = fatal ? std::nullopt : waiting_cause(*pod);
    Role r;
    r.fatal = fatal.has_value();
    if (fatal || waiting) {
      r.cause = fatal ? std::move(*fatal) : std::move(*waiting);
    } else {
      r.cause.pod = pod->meta.name;
      r.cause.reason = kube::pod_status(*pod);
      r.cause.summary = "not ready yet: " + r.cause.reason;
    }
    auto alike = std::find_if(out.begin(), out.end(), [&](const Role& o) {
      return o.fatal == r.fatal && o.cause.container == r.cause.container &&
             o.cause.reason == r.cause.reason && o.cause.exit_code == r.cause.exit_code;
    });
    if (alike == out.end()) alike = out.insert(out.end(), Role{r.cause, r.fatal, 0, pod});
    ++alike->pods;
    if (pod->meta.name == first) alike->sample = pod, alike->cause = std::move(r.cause);
  }
  std::sort(out.begin(), out.end(), [](const Role& a, const Role& b) {
    if (std::pair(a.fatal, a.pods) != std::pair(b.fatal, b.pods))
      return std::pair(a.fatal, a.pods) > std::pair(b.fatal, b.pods);
    return a.sample->meta.name < b.sample->meta.name;
  });
  return out;
}

}  // namespace lemmy::pods
