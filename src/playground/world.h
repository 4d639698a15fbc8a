#pragma once
// Inside room playground: everything the parts of the simulated cluster share. Loop thread only.
#include <random>

#include "playground/agenda.h"
#include "playground/simulated_cluster.h"
#include "playground/status.h"
#include "playground/store.h"

namespace lemmy::playground {

struct World;

// Events as the event recorder of client-go writes them: repeats are counted in one object.
class Recorder {
 public:
  explicit Recorder(World& world) : world_(world) {}
  void record(const Object& about, const std::string& container, const char* type, const std::string& reason,
              const std::string& message, const char* component);

 private:
  World& world_;
  std::unordered_map<std::string, Key> known_;  // by what is said about what
  std::deque<std::pair<std::string, Key>> order_;
};

// Keeps the pods of replication controllers at their count, and their status.
class Replication {
 public:
  explicit Replication(World& world);

 private:
  struct Tally {
    std::set<Key> active;  // pods that count
    int ready = 0;
    bool dirty = false;
    bool failing = false;
    int failures = 0;
  };
  void on_pod(const Change& change);
  void mark(const std::string& uid, milliseconds delay = milliseconds{2});
  void sync(const std::string& uid);
  bool create_pod(const Object& rc, const Spec& spec, const json::object& labels,
                  const json::object& annotations, std::string* why);
  void remove_pods(const Object& rc, Tally& tally, size_t n);
  void write_status(const Object& rc, Tally& tally, const std::string& failure);

  World& world_;
  std::unordered_map<std::string, Tally> tallies_;  // by uid of the controller
  std::unordered_map<std::string, std::pair<const Frozen*, Spec>> pod_specs_;
};

// Keeps a ReplicaSet for a Deployment's template, at its count, and its status. Another template's takes over
// when it is ready.
// https://kubernetes.io/docs/concepts/workloads/controllers/deployment/
class Deployments {
 public:
  explicit Deployments(World& world);

 private:
  void mark(const std::string& uid);
  void sync(const std::string& uid);
  void write_status(const Object& deployment, const std::vector<Stored>& sets, const Object* newest);

  World& world_;
  std::set<std::string> dirty_;  // uids
};

// Removes what lost its last owner.
class Garbage {
 public:
  explicit Garbage(World& world);

 private:
  void lost(const std::string& owner);
  void check(const std::string& dependent);
  World& world_;
};

class Autoscaling {
 public:
  explicit Autoscaling(World& world);

 private:
  void tick();
  void run(const Stored& hpa);
  World& world_;
  std::unordered_map<std::string, double> load_;  // by uid: CPU of all pods, in pods at the target
};

class Endpoints {
 public:
  explicit Endpoints(World& world);

 private:
  struct Slice {
    std::string name;
    std::set<std::string> pods;
  };
  void mark(const Object& service);
  void sync(const std::string& uid);
  void write(const Object& service, const Slice& slice, const std::map<std::string, Stored>& pods);

  World& world_;
  std::set<std::string> dirty_;                                 // uids of Services
  std::unordered_map<std::string, std::vector<Slice>> slices_;  // by uid of the Service
};

class Pods;

struct World {
  World(asio::any_io_executor executor, ClusterOptions options);
  ~World();

  ClusterOptions options;
  std::mt19937_64 random;
  Agenda agenda;
  Store store;
  Faults faults;
  Recorder recorder;
  std::unique_ptr<Garbage> garbage;
  std::unique_ptr<Pods> pods;
  std::unique_ptr<Replication> replication;
  std::unique_ptr<Deployments> deployments;
  std::unique_ptr<Autoscaling> autoscaling;
  std::unique_ptr<Endpoints> endpoints;
  uint64_t streams_epoch = 0;  // rises when open streams are to be cut
  uint64_t silent_epoch = 0;   // rises when open watches are to say nothing more
  bool stopping = false;

  milliseconds paced(milliseconds d) const { return milliseconds(int64_t(double(d.count()) * options.pace)); }
  // The prefix and random letters, as pod names end: a name that no object of the kind has. An API server
  // makes one again when it is taken, too (KEP-4420); two of a thousand pods have the same letters in one run
  // of thirty.
  std::string free_name(Kind kind, const std::string& ns, const std::string& prefix, size_t letters = 5);
  // Starts a deletion: pods end gracefully, all else is gone at once.
  void remove(const Object& object);
  void remove_namespace(const std::string& name);
  // 403 as a quota says it, when one more would be too many.
  Answer<> check_quota(const Resource& what, const std::string& ns, const std::string& name) const;
  std::map<std::pair<std::string, std::string>, int> counted;  // objects by namespace and resource
};

}  // namespace lemmy::playground
