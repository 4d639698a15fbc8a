#include "playground/pod_life.h"

#include <fmt/format.h>

#include "base/crypto.h"
#include "base/strings.h"

namespace lemmy::playground {
Pods::Pods(World& world) : world_(world) {
  world_.store.listen([this](const Change& c) {
    if (c.now->kind != Kind::pod) return;
    if (c.type == Change::Type::added) admit(c.now);
    if (c.type == Change::Type::deleted) lives_.erase(c.now->uid);
  });
}

const Life* Pods::life(const std::string& uid) const {
  auto it = lives_.find(uid);
  return it == lives_.end() ? nullptr : it->second.get();
}
Life* Pods::alive(const std::string& uid) {
  auto it = lives_.find(uid);
  return it == lives_.end() || it->second->ending ? nullptr : it->second.get();
}
void Pods::later(milliseconds delay, const std::string& uid, void (Pods::*step)(Life&)) {
  world_.agenda.after(world_.paced(delay), [this, uid, step] {
    if (Life* l = alive(uid)) (this->*step)(*l);
  });
}
void Pods::later(const Life& life, const Box& box, milliseconds delay, void (Pods::*step)(Life&, Box&)) {
  size_t index = size_t(&box - life.boxes.data());
  world_.agenda.after(world_.paced(delay), [this, uid = life.uid, index, step] {
    if (Life* l = alive(uid)) (this->*step)(*l, l->boxes[index]);
  });
}

void Pods::admit(const Stored& pod) {
  auto l = std::make_unique<Life>();
  l->key = {pod->ns, pod->name};
  l->uid = pod->uid;
  l->plan = read_plan(sub(pod->meta(), "annotations"), world_.options.ready_after);
  if (const json::object* labels = pod->labels()) {
    l->project = std::string(text_or(*labels, "project"));
    l->build = std::string(text_or(*labels, "build"));
  }
  for (const json::value& v : list_in(pod->spec_object(), "initContainers"))
    if (v.is_object())
      l->init.emplace_back(text_or(v.get_object(), "name"), text_or(v.get_object(), "image"));
  for (const json::value& v : list_in(pod->spec_object(), "containers")) {
    if (!v.is_object()) continue;
    Box b;
    b.name = std::string(text_or(v.get_object(), "name"));
    b.image = std::string(text_or(v.get_object(), "image"));
    b.bad = !l->plan.behave.empty() &&
            (l->plan.container.empty() ? l->boxes.empty() : b.name == l->plan.container);
    l->boxes.push_back(std::move(b));
  }
  std::string uid = pod->uid;
  lives_[uid] = std::move(l);
  later(milliseconds{20}, uid, &Pods::schedule);
}

void Pods::schedule(Life& life) {
  if (life.plan.behave == "unschedulable") {
    int n = world_.options.nodes;
    life.unschedulable = !life.plan.message.empty()
                             ? life.plan.message
                             : fmt::format(
                                   "0/{0} nodes are available: {0} Insufficient cpu. preemption: 0/{0} nodes "
                                   "are available: {0} No preemption victims found for incoming pod.",
                                   n);
    tell(life, nullptr, "Warning", "FailedScheduling", life.unschedulable, "default-scheduler");
    publish(life);
    return later(milliseconds{30'000}, life.uid, &Pods::schedule);
  }
  uint64_t n = next_++;
  life.node = fmt::format("node-{}", n % uint64_t(std::max(1, world_.options.nodes)) + 1);
  life.ip = fmt::format("10.{}.{}.{}", 244 + n / 62'500 % 10, n / 250 % 250, n % 250 + 2);
  life.begun = now();
  tell(life, nullptr, "Normal", "Scheduled",
       fmt::format("Successfully assigned {}/{} to {}", life.key.first, life.key.second, life.node),
       "default-scheduler");
  begin(life);
}

void Pods::begin(Life& life) {
  for (Box& b : life.boxes) b.state = {{"waiting", {{"reason", "ContainerCreating"}}}};
  publish(life);
  later(milliseconds{80}, life.uid, &Pods::mount);
}

void Pods::run(Life& life, Box& box) {
  const Plan& p = life.plan;
  tell(life, &box, "Normal", "Created", "Created container: " + box.name);
  tell(life, &box, "Normal", "Started", "Started container " + box.name);
  if (box.state.contains("terminated")) box.last = box.state;
  box.previous = std::exchange(box.current, Instance{now(), {}, box.restarts, {}});
  box.id = "containerd://" + random_hex(32);
  box.ever_ran = true;
  box.state = {{"running", {{"startedAt", stamp(now())}}}};
  publish(life);
  bool crashes = box.bad && box.restarts < p.crashes;
  if (crashes && (p.behave == "crash-loop" || p.behave == "oom"))
    return later(life, box, p.after, &Pods::crash);
  if (box.bad && p.behave == "never-ready") return later(life, box, milliseconds{1000}, &Pods::unhealthy);
  milliseconds wait = p.ready_after;
  if (world_.options.pace > 0 && box.restarts == 0)
    wait -= milliseconds(int64_t(double((now() - life.begun).count()) / world_.options.pace));
  // Pods of one controller do not become ready all at once.
  if (!p.timed) wait += milliseconds{int64_t(world_.random() % uint64_t(p.ready_after.count() / 2 + 1))};
  later(life, box, std::max(wait, milliseconds{1}), &Pods::ready);
  if (crashes && p.behave == "crash-after")
    later(life, box, std::max(wait, milliseconds{1}) + p.after, &Pods::crash);
}

void Pods::ready(Life& life, Box& box) {
  if (box.ready || !box.state.contains("running")) return;
  box.ready = true;
  publish(life);
}

void Pods::unhealthy(Life& life, Box& box) {
  tell(life, &box, "Warning", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503");
  later(life, box, milliseconds{5000}, &Pods::unhealthy);
}

void Pods::crash(Life& life, Box& box) {
  if (!box.state.contains("running")) return;
  bool oom = life.plan.behave == "oom";
  box.ready = false;
  box.current->finished = now();
  box.current->ending = oom ? "oom" : "crash";
  json::object end{{"exitCode", oom ? 137 : life.plan.exit_code},
                   {"reason", oom                        ? "OOMKilled"
                              : life.plan.exit_code == 0 ? "Completed"
                                                         : "Error"},
                   {"startedAt", stamp(box.current->started)},
                   {"finishedAt", stamp(box.current->finished)},
                   {"containerID", box.id}};
  if (!life.plan.message.empty()) end["message"] = life.plan.message;
  box.state = {{"terminated", std::move(end)}};
  publish(life);
  later(life, box, milliseconds{150}, &Pods::back_off);
}

void Pods::back_off(Life& life, Box& box) {
  int crashes = box.restarts;  // a kubelet restarts the first time at once
  if (crashes == 0) return start_again(life, box);
  int step = std::min(crashes - 1, 8);
  auto told = std::min(seconds{10} * (1 << step), seconds{300});
  std::string id = fmt::format("{}_{}({})", life.key.second, life.key.first, life.uid);
  tell(life, &box, "Warning", "BackOff",
       fmt::format("Back-off restarting failed container {} in pod {}", box.name, id));
  wait(life, box, "CrashLoopBackOff",
       fmt::format("back-off {} restarting failed container={} pod={}",
                   told.count() < 60 ? fmt::format("{}s", told.count())
                                     : fmt::format("{}m{}s", told.count() / 60, told.count() % 60),
                   box.name, id));
  later(life, box, life.plan.backoff * std::min(1 << step, 16), &Pods::start_again);
}

void Pods::start_again(Life& life, Box& box) {
  ++box.restarts;
  tell(life, &box, "Normal", "Pulled",
       fmt::format("Container image \"{}\" already present on machine", box.image));
  run(life, box);
}

void Pods::wait(Life& life, Box& box, const std::string& reason, const std::string& message) {
  if (box.state.contains("terminated")) box.last = box.state;
  box.state = {{"waiting", {{"reason", reason}, {"message", message}}}};
  publish(life);
}

void Pods::end(const Object& pod) {
  Life* l = alive(pod.uid);
  if (!l) {  // ending already, or of no node
    if (!lives_.contains(pod.uid)) world_.store.remove(Kind::pod, pod.ns, pod.name);
    return;
  }
  l->ending = true;
  bool running = false;
  for (const Box& b : l->boxes)
    if (b.state.contains("running")) {
      running = true;
      tell(*l, &b, "Normal", "Killing", "Stopping container " + b.name);
    }
  Object next = *world_.store.by_uid(pod.uid);
  next.meta()["deletionTimestamp"] = stamp(now() + seconds{30});
  next.meta()["deletionGracePeriodSeconds"] = 30;
  world_.store.put(std::move(next));
  world_.agenda.after(world_.paced(milliseconds{running ? 800 : 50}), [this, key = l->key, uid = pod.uid] {
    if (lives_.contains(uid)) world_.store.remove(Kind::pod, key.first, key.second);
  });
}

void Pods::tell(const Life& life, const Box* box, const char* type, const std::string& reason,
                const std::string& message, const char* component) {
  if (Stored pod = world_.store.by_uid(life.uid))
    world_.recorder.record(*pod, box ? box->name : "", type, reason, message, component);
}

Spec Pods::on_node(const Spec& spec, const std::string& node) {
  if (!spec || !spec->value.is_object() || text_or(spec->value.get_object(), "nodeName") == node) return spec;
  if (bound_specs_.size() > 500) bound_specs_.clear();
  Spec& bound = bound_specs_[{spec, node}];
  if (!bound) {
    json::value v = spec->value;
    v.get_object()["nodeName"] = node;
    bound = freeze(std::move(v));
  }
  return bound;
}

void Pods::publish(Life& life) {
  Stored pod = world_.store.by_uid(life.uid);
  if (!pod) return;
  Object next = *pod;
  if (!life.node.empty()) next.spec = on_node(next.spec, life.node);
  next.head["status"] = pod_status(life);
  world_.store.put(std::move(next));
}

}  // namespace lemmy::playground
