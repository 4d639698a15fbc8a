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
  l->admitted = now();
  l->plan = read_plan(sub(pod->meta(), "annotations"), world_.options.ready_after);
  if (l->plan.only_pods > 0)
    for (const std::string& owner : pod->owners())
      if (chosen_[owner]++ >= l->plan.only_pods) l->plan.behave.clear();
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
  if (life.plan.is("unschedulable") && !recovered(life)) {
    int n = world_.options.nodes;
    life.unschedulable = fmt::format(
        "0/{0} nodes are available: {0} {1}. preemption: 0/{0} nodes are available: {0} No preemption "
        "victims found for incoming pod.",
        n, life.plan.message.empty() ? "Insufficient memory" : life.plan.message);
    tell(life, nullptr, "Warning", "FailedScheduling", life.unschedulable, "default-scheduler");
    publish(life);
    return later(milliseconds{life.plan.recover_after ? 1000 : 30'000}, life.uid, &Pods::schedule);
  }
  uint64_t n = next_++;
  life.node = fmt::format("node-{}", n % uint64_t(std::max(1, world_.options.nodes)) + 1);
  life.ip = fmt::format("10.{}.{}.{}", 244 + n / 62'500 % 10, n / 250 % 250, n % 250 + 2);
  life.begun = now();
  tell(life, nullptr, "Normal", "Scheduled",
       fmt::format("Successfully assigned {}/{} to {}", life.key.first, life.key.second, life.node),
       "default-scheduler");
  if (!life.plan.unknown.empty())
    tell(life, nullptr, "Warning", "UnknownBehaviour", "there is no behaviour " + life.plan.unknown);
  begin(life);
}

bool Pods::recovered(const Life& life) const {
  return life.plan.recover_after && now() - life.admitted >= world_.paced(*life.plan.recover_after);
}

void Pods::begin(Life& life) {
  for (Box& b : life.boxes) b.state = {{"waiting", {{"reason", "ContainerCreating"}}}};
  publish(life);
  later(milliseconds{80}, life.uid, &Pods::mount);
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
  world_.agenda.after(world_.paced(running ? l->plan.terminate_after : milliseconds{50}),
                      [this, key = l->key, uid = pod.uid] {
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
