#pragma once
// The few fields of Kubernetes objects that Lemmy needs: a watch of thousands of pods stays small.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "domain/deploy.h"

namespace lemmy::kube {

// Which deploy an object belongs to, by its labels project, environment and deploy.
struct Owner {
  Target target;
  int64_t deploy = 0;
  auto operator<=>(const Owner&) const = default;
};

struct Meta {
  std::string ns, name, uid;
  Owner owner;
  Time created{};
  bool deleting = false;
};

struct ContainerState {
  enum class Kind { waiting, running, terminated } kind = Kind::waiting;
  std::string reason;
  std::string message;
  int exit_code = 0;
  std::optional<Time> since;  // startedAt or finishedAt
};

struct Container {
  std::string name;
  std::string image;
  std::string image_id;
  bool init = false;
  bool ready = false;
  int restarts = 0;
  ContainerState state;
  std::optional<ContainerState> last;  // how it ended the time before
};

struct Pod {
  Meta meta;
  std::string phase;  // Pending | Running | Succeeded | Failed | Unknown
  std::string reason, message;
  std::string node, ip;
  bool ready = false;
  std::string unschedulable;  // message of PodScheduled=False, reason Unschedulable
  std::vector<Container> containers;
};

struct ReplicationController {
  Meta meta;
  int wanted = 0;  // spec.replicas
  int replicas = 0, ready = 0;
  bool observed = false;  // status is of this generation
  std::string failure;    // message of condition ReplicaFailure=True
};

struct Autoscaler {
  Meta meta;
  int min = 1, max = 1, current = 0, desired = 0;
  std::optional<int> cpu, cpu_target;  // percent of the request
  std::string trouble;                 // message of ScalingActive=False, except ScalingDisabled
};

struct Event {
  Meta meta;
  std::string about_kind, about_name, about_uid;
  EventGroup group;
};

// Each takes the object as the API gives it; missing fields keep their defaults.
Meta parse_meta(const json::object& object);
std::string parse_version(const json::object& object);  // metadata.resourceVersion
// metadata.ownerReferences but those of `uid`.
json::array other_owners(const json::object& object, std::string_view uid);
Pod parse_pod(const json::object& object);
ReplicationController parse_rc(const json::object& object);
Autoscaler parse_autoscaler(const json::object& object);
Event parse_event(const json::object& object);

// What `kubectl get pods` would print as STATUS: CrashLoopBackOff, Pending, Terminating, Running...
std::string pod_status(const Pod& pod);
int pod_restarts(const Pod& pod);

}  // namespace lemmy::kube
