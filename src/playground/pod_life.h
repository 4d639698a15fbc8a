#pragma once
// Inside room playground: scheduler and kubelets. One state machine a pod, on the agenda: no coroutine each.
#include <optional>

#include "playground/pod_plan.h"
#include "playground/world.h"

namespace lemmy::playground {

bool pod_is_ready(const Object& pod);  // condition Ready

// One start of a container, for its log.
struct Instance {
  Time started{}, finished{};
  int restarts = 0;
  std::string ending;  // "": it runs; "crash", "oom", "killed"
};

struct Box {  // one container
  std::string name, image, image_id, id;
  bool bad = false;  // misbehaves as the plan says
  bool ready = false;
  int restarts = 0;
  json::object state, last;  // as in containerStatuses
  std::optional<Instance> current, previous;
};

struct Life {
  Key key;
  std::string uid, node, ip, project, build;
  Plan plan;
  Time admitted{}, begun{};  // begun: on its node
  json::object failed;       // {reason, message} of phase Failed
  bool ending = false;
  std::string unschedulable;
  std::vector<Box> boxes;
  std::vector<std::pair<std::string, std::string>> init;  // name, image
  json::object since;                                     // condition type -> {status, time}
};

json::object pod_status(Life& life);  // as the kubelet writes it
// The text of a container's log; the Failure is worded as the kubelet's.
Answer<std::string> pod_log(const Object& pod, const Life* life, const std::string& container, bool previous,
                            bool timestamps);

class Pods {
 public:
  explicit Pods(World& world);
  // Starts a graceful end: Terminating, then gone.
  void end(const Object& pod);
  const Life* life(const std::string& uid) const;

 private:
  Life* alive(const std::string& uid);  // nullptr: gone or ending
  void later(milliseconds delay, const std::string& uid, void (Pods::*step)(Life&));
  void later(const Life& life, const Box& box, milliseconds delay, void (Pods::*step)(Life&, Box&));
  void admit(const Stored& pod);
  void schedule(Life& life);
  void begin(Life& life);
  void mount(Life& life);
  void pull(Life& life, Box& box);
  void pull_failed(Life& life, Box& box);
  void pulled(Life& life, Box& box);
  void run(Life& life, Box& box);
  void ready(Life& life, Box& box);
  void unhealthy(Life& life, Box& box);
  void crash(Life& life, Box& box);
  void cannot_start(Life& life, Box& box);
  void swing(Life& life, Box& box);  // ready and not ready in turn
  void fail_pod(Life& life, Box& box);
  // The state of a container that ended; the log of the run ends with it.
  void terminated(Box& box, int code, const char* reason, const std::string& message, const char* ending);
  bool recovered(const Life& life) const;
  void back_off(Life& life, Box& box);
  void start_again(Life& life, Box& box);
  void wait(Life& life, Box& box, const std::string& reason, const std::string& message);
  void tell(const Life& life, const Box* box, const char* type, const std::string& reason,
            const std::string& message, const char* component = "kubelet");
  // What a container's environment asks for and the cluster does not have: `secret "x" not found`; or empty.
  std::string lacking(const Life& life, const Box& box) const;
  void publish(Life& life);
  Spec on_node(const Spec& spec, const std::string& node);

  World& world_;
  std::unordered_map<std::string, std::unique_ptr<Life>> lives_;
  std::map<std::pair<Spec, std::string>, Spec> bound_specs_;
  std::unordered_map<std::string, int> chosen_;  // by owner: pods that only-pods lets misbehave
  std::set<std::string> present_;                // images on nodes
  uint64_t next_ = 0;
};

}  // namespace lemmy::playground
