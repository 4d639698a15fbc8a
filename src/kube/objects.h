#pragma once
// The few fields of Kubernetes objects that Lemmy needs: a watch of thousands of pods stays small.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"
#include "domain/deploy.h"
#include "domain/workload.h"
#include "kube/text.h"

namespace lemmy::kube {

// Which deploy an object says it belongs to, by its labels project, environment and deploy. Labels can be
// written by anybody, and numbers be given again: what belongs to a deploy is told by Meta::controller.
struct Owner {
  Target target;
  int64_t deploy = 0;
  auto operator<=>(const Owner&) const = default;
};

// A label with a higher one is none of ours.
inline constexpr int64_t kHighestDeploy = 1'000'000'000;

struct Meta {
  Text ns, name, uid;
  Text project, environment;  // labels
  int64_t deploy = 0;         // label; 0: none, or no number
  Text controller;            // uid of the owner that controls it: ownerReferences, controller: true
  Time created{};
  bool deleting = false;

  Target target() const { return {project, environment}; }
  Owner owner() const { return {target(), deploy}; }
  // It has the labels that a deploy's objects have, and is in its environment's namespace.
  bool is_stamped() const { return is_of_target() && deploy > 0; }
  bool is_of_target() const { return !project.empty() && environment == ns; }
};

// Label kAnswersLabel of a pod, or of a controller's template.
enum class Answers : uint8_t { unsaid, yes, no };

struct ContainerState {
  enum class Kind : uint8_t { waiting, running, terminated } kind = Kind::waiting;
  Text reason;
  Text message;
  int exit_code = 0;
  Time since{};  // startedAt or finishedAt; zero: not said
};

// How a container ended the time before, or nothing: as std::optional, in 8 bytes.
class LastState {
 public:
  LastState() = default;
  LastState(ContainerState s) : state_(std::make_unique<ContainerState>(std::move(s))) {}
  LastState(std::optional<ContainerState> s) {
    if (s) state_ = std::make_unique<ContainerState>(std::move(*s));
  }
  LastState(const LastState& o) {
    if (o.state_) state_ = std::make_unique<ContainerState>(*o.state_);
  }
  LastState(LastState&&) = default;
  LastState& operator=(LastState o) noexcept {
    state_ = std::move(o.state_);
    return *this;
  }
  explicit operator bool() const { return state_ != nullptr; }
  const ContainerState& operator*() const { return *state_; }
  const ContainerState* operator->() const { return state_.get(); }

 private:
  std::unique_ptr<ContainerState> state_;
};

struct Container {
  Text name;
  Text image;
  bool init = false;
  bool ready = false;
  int restarts = 0;
  ContainerState state;
  LastState last;
};

struct Pod {
  Meta meta;
  Text phase;  // Pending | Running | Succeeded | Failed | Unknown
  Text reason, message;
  Text node;
  bool ready = false;
  Answers answers = Answers::unsaid;
  Text unschedulable;  // message of PodScheduled=False, reason Unschedulable
  // Whose log `kubectl logs` shows: annotation kubectl.kubernetes.io/default-container, else the first of the
  // spec.
  // https://kubernetes.io/docs/reference/labels-annotations-taints/#kubectl-kubernetes-io-default-container
  Text default_container;
  std::vector<Container> containers;  // initContainers first; as the statuses have them, sorted by name
};

// Also a ReplicaSet, which a Deployment makes its pods by.
struct Controller {
  Meta meta;
  Workload workload = Workload::replication_controller;
  int wanted = 0;  // spec.replicas
  int replicas = 0, ready = 0;
  bool observed = false;              // status is of this generation
  Answers answers = Answers::unsaid;  // what its next pods get
  std::string failure;                // message of condition ReplicaFailure=True
};

struct Autoscaler {
  Meta meta;
  int min = 1, max = 1, current = 0, desired = 0;
  std::optional<int> cpu, cpu_target;  // percent of the request
  std::string trouble;                 // message of ScalingActive=False, except ScalingDisabled
};

// Who gets the requests of a Service, a part of it. Its labels are those of the Service: project and
// environment, no deploy. https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
struct EndpointSlice {
  struct Endpoint {
    Text pod;  // name of the pod; empty: it is none
    bool ready = false;
  };
  Meta meta;
  Text service;  // label kubernetes.io/service-name
  std::vector<Endpoint> endpoints;
};

struct Event {
  Meta meta;
  Text about_kind, about_name, about_uid;
  EventGroup group;
};

// Each takes the object as the API gives it; missing fields keep their defaults. Any thread.
Meta parse_meta(const json::object& object);
std::string parse_version(const json::object& object);  // metadata.resourceVersion
// metadata.ownerReferences but those of `uid`.
json::array other_owners(const json::object& object, std::string_view uid);
Pod parse_pod(const json::object& object);
Controller parse_controller(const json::object& object);
Autoscaler parse_autoscaler(const json::object& object);
EndpointSlice parse_endpoints(const json::object& object);
Event parse_event(const json::object& object);

// What `kubectl get pods` would print as STATUS: CrashLoopBackOff, Pending, Terminating, Running...
std::string pod_status(const Pod& pod);
int pod_restarts(const Pod& pod);

}  // namespace lemmy::kube
