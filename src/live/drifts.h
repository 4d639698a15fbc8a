#pragma once
// What in the clusters is not as it was applied, of each target: asked for by people, and looked for again
// and again. Loop thread only.
#include <set>

#include "deploy/conductor.h"
#include "kube/cluster.h"
#include "live/feed.h"

namespace lemmy::live {

class Drifts {
 public:
  struct Sources {
    asio::any_io_executor loop;
    deploy::Conductor* conductor = nullptr;
    Feed* feed = nullptr;
    std::function<kube::Cluster*(const std::string& name)>
        cluster;  // nullptr: there is none; "": the only one
    milliseconds tick{1'000}, every{300'000}, every_watched{60'000};
    milliseconds good{900'000};  // what was seen, if it is not seen anew
  };
  // What a look found. found: as of ask(); else why it could not be told.
  struct Seen {
    int64_t number = 0;          // of the deploy that it is of
    Clock::time_point looked{};  // when found was true
    Clock::time_point tried{};   // the last look, which may have failed
    Result<json::object> found;
  };
  struct Count {
    int drifted = 0, unknown = 0;  // targets
  };

  explicit Drifts(Sources sources) : from_(std::move(sources)), looks_(from_.loop) {}
  ~Drifts() { stop(); }
  void stop() { looks_.cancel(); }  // what run() began

  // {"project", "environment", "number", "at"} and deploy::Place::drift(). Asks the cluster, at most 8 s; an
  // answer is kept for 2 s. Errors: not_found (nothing serves), invalid (it is on hosts), rate_limited (four
  // are being asked), and those of the cluster when it could be asked for nothing.
  Task<Result<json::object>> ask(Target target);

  // Looks at what serves, one target after another of each cluster that can be seen: at all of them every 5
  // min, at those that somebody watches every 60 s; not while a deploy is under way there, which changes what
  // both have. A look that fails is tried again in time; what was seen before is good for 15 min. The feed
  // tells what differs from the look before.
  Task<> run();

  // The newest look at what serves now; nullptr: there was none yet, it is too old, the cluster cannot be
  // seen, or it is on hosts.
  const Seen* seen(const Target& target) const;
  // {"number", "items", "left_out", "complete", "unasked", "refused", "error" (empty: it could be told),
  // "text" (a sentence; empty: what could be asked is as it was applied), "hint" (what to do), "url"}; null:
  // as of seen(), or the cluster cannot be seen.
  json::value shown(const Target& target) const;
  json::value count(const Target& target) const;  // of items and of those left out; null: as of shown()
  // By environment, of what serves on pods.
  std::map<std::string, Count> counts() const;

 private:
  using Due = std::vector<std::pair<Clock::time_point, Target>>;
  std::map<std::string, Due> due() const;  // by cluster
  Task<> look(std::string cluster, Due targets);
  const kube::Cluster* cluster_of(const Deploy& deploy) const;  // nullptr also when it cannot be seen
  Task<Result<json::object>> find(Target target, Deploy deploy, bool afresh);

  Sources from_;
  std::map<Target, Seen> seen_;
  std::shared_ptr<std::set<std::string>> looking_ = std::make_shared<std::set<std::string>>();  // clusters
  std::shared_ptr<size_t> asked_ = std::make_shared<size_t>(0);  // by people, now
  Group looks_;
};

}  // namespace lemmy::live
