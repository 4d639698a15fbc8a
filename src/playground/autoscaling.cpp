#include <fmt/format.h>

#include <cmath>

#include "playground/pod_life.h"
#include "playground/world.h"

namespace lemmy::playground {
namespace {
constexpr const char* kComponent = "horizontal-pod-autoscaler";

int cpu_target(const json::object& spec) {
  for (const json::value& v : list_in(spec, "metrics")) {
    if (!v.is_object()) continue;
    const json::object& r = sub(v.get_object(), "resource");
    if (text_or(r, "name") == "cpu")
      return static_cast<int>(int_or(sub(r, "target"), "averageUtilization", 80));
  }
  return 80;
}

json::object condition(const Object& hpa, const char* type, bool is, const char* reason,
                       std::string message) {
  json::value since(stamp(now()));
  for (const json::value& v : list_in(hpa.part("status"), "conditions"))
    if (v.is_object() && text_or(v.get_object(), "type") == type &&
        text_or(v.get_object(), "status") == (is ? "True" : "False"))
      since = v.at("lastTransitionTime");
  return {{"type", type},
          {"status", is ? "True" : "False"},
          {"lastTransitionTime", since},
          {"reason", reason},
          {"message", std::move(message)}};
}
}  // namespace

Autoscaling::Autoscaling(World& world) : world_(world) {
  world_.store.listen([this](const Change& c) {
    if (c.now->kind == Kind::autoscaler && c.type == Change::Type::deleted) load_.erase(c.now->uid);
    // A new or changed one is looked at soon; its target's pods have begun by then.
    if (c.now->kind == Kind::autoscaler && c.type != Change::Type::deleted &&
        (!c.before || c.before->spec != c.now->spec))
      world_.agenda.after(world_.paced(milliseconds{500}), [this, uid = c.now->uid] {
        if (Stored hpa = world_.store.by_uid(uid)) run(hpa);
      });
  });
  world_.agenda.after(world_.paced(world_.options.autoscale_every), [this] { tick(); });
}

void Autoscaling::tick() {
  std::vector<Stored> all;
  for (const auto& [key, hpa] : world_.store.all(Kind::autoscaler)) all.push_back(hpa);
  for (const Stored& hpa : all) run(hpa);
  world_.agenda.after(std::max(milliseconds{10}, world_.paced(world_.options.autoscale_every)),
                      [this] { tick(); });
}

void Autoscaling::run(const Stored& hpa) {
  const json::object& spec = hpa->spec_object();
  const json::object& ref = sub(spec, "scaleTargetRef");
  std::string target(text_or(ref, "name"));
  int64_t low = int_or(spec, "minReplicas", 1), high = int_or(spec, "maxReplicas", 1);
  Object next = *hpa;
  json::object status;
  json::array conditions;
  auto finish = [&] {
    status["conditions"] = std::move(conditions);
    next.head["status"] = std::move(status);
    world_.store.put(std::move(next));
  };
  const Resource* kind = resource_of_type(text_or(ref, "apiVersion", "v1"), text_or(ref, "kind"));
  Stored rc = kind && is_scaled(kind->kind) ? world_.store.find(kind->kind, hpa->ns, target) : nullptr;
  if (!rc) {
    std::string why =
        fmt::format("the HPA controller was unable to get the target's current scale: {} \"{}\" not found",
                    kind ? kind->qualified() : "resource", target);
    status = {{"currentReplicas", 0}, {"desiredReplicas", 0}, {"currentMetrics", nullptr}};
    conditions.push_back(condition(*hpa, "AbleToScale", false, "FailedGetScale", why));
    world_.recorder.record(*hpa, "", "Warning", "FailedGetScale", why.substr(why.rfind(": ") + 2),
                           kComponent);
    return finish();
  }
  int64_t current = rc->spec_int("replicas", 1), desired = current;
  int64_t ready = int_or(rc->part("status"), "readyReplicas");
  auto able = [&](const char* reason, const char* message) {
    conditions.insert(conditions.begin(), condition(*hpa, "AbleToScale", true, reason, message));
  };
  const json::value* last = hpa->part("status").if_contains("lastScaleTime");
  if (last) status["lastScaleTime"] = *last;
  status["currentReplicas"] = int_or(rc->part("status"), "replicas");
  if (current == 0) {
    able("SucceededGetScale", "the HPA controller was able to get the target's current scale");
    conditions.push_back(condition(*hpa, "ScalingActive", false, "ScalingDisabled",
                                   "scaling is disabled since the replica count of the target is zero"));
    status["desiredReplicas"] = 0;
    return finish();
  }
  std::string reason;
  if (current < low || current > high) {
    desired = std::clamp(current, low, high);
    reason = current < low ? "Current number of replicas below Spec.MinReplicas"
                           : "Current number of replicas above Spec.MaxReplicas";
  } else if (ready == 0) {
    able("SucceededGetScale", "the HPA controller was able to get the target's current scale");
    std::string why =
        "failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from "
        "resource "
        "metrics API";
    conditions.push_back(condition(*hpa, "ScalingActive", false, "FailedGetResourceMetric",
                                   "the HPA was unable to compute the replica count: " + why));
    world_.recorder.record(*hpa, "", "Warning", "FailedGetResourceMetric", why, kComponent);
    status["desiredReplicas"] = current;
    return finish();
  } else {
    int goal = cpu_target(spec);
    double& load = load_.try_emplace(hpa->uid, double(current)).first->second;
    const json::object& own = sub(rc->meta(), "annotations");
    const json::object& pods = sub(sub(sub(rc->spec_object(), "template"), "metadata"), "annotations");
    auto all = read_load(own, "load"), each = read_load(own, "cpu");
    if (!all) all = read_load(pods, "load");
    if (!each) each = read_load(pods, "cpu");
    if (all || each) {
      load = (all ? double(*all) : double(*each) * double(ready)) / goal;
    } else if (world_.options.wander) {
      // A slow random walk between a little under the minimum and a little over the maximum, at most 1.3 pods
      // a step, so that the count changes by one now and then.
      double step = (double(world_.random() % 2000) / 1000.0 - 1.0) * 0.65;
      double middle = double(low) + double(high - low) * 0.4;
      load = std::clamp(load + step + (middle - load) * 0.05, double(low) * 0.7, double(high) * 1.05);
    } else {
      load = double(current);
    }
    double ratio = load / double(ready);
    int cpu = static_cast<int>(std::lround(ratio * goal));
    if (ready >= current && std::abs(ratio - 1.0) > 0.1) {  // pods that begin do not count as load
      auto asked = static_cast<int64_t>(std::ceil(load - 1e-9));
      desired = std::clamp(asked, std::max(low, current - 1), std::min(high, std::max(current + 1, low)));
    }
    reason = desired > current ? "cpu resource utilization (percentage of request) above target"
                               : "All metrics below target";
    conditions.push_back(
        condition(*hpa, "ScalingActive", true, "ValidMetricFound",
                  "the HPA was able to successfully calculate a replica count from cpu resource "
                  "utilization (percentage of request)"));
    conditions.push_back(condition(*hpa, "ScalingLimited", false, "DesiredWithinRange",
                                   "the desired count is within the acceptable range"));
    status["currentMetrics"] = json::array{json::object{
        {"type", "Resource"},
        {"resource",
         {{"name", "cpu"},
          {"current",
           {{"averageUtilization", cpu}, {"averageValue", fmt::format("{}m", std::max(cpu, 1))}}}}}}};
  }
  status["desiredReplicas"] = desired;
  if (desired != current) {
    able("SucceededRescale", "the HPA controller was able to update the target scale to the desired count");
    status["lastScaleTime"] = stamp(now());
    Object scaled = *rc;
    json::value changed = rc->spec->value;
    changed.get_object()["replicas"] = desired;
    scaled.spec = freeze(std::move(changed));
    world_.store.put(std::move(scaled));
    world_.recorder.record(*hpa, "", "Normal", "SuccessfulRescale",
                           fmt::format("New size: {}; reason: {}", desired, reason), kComponent);
  } else {
    able("ReadyForNewScale", "recommended size matches current size");
  }
  finish();
}

}  // namespace lemmy::playground
