#pragma once
// A deploy: one build sent to one target, with everything that happened to it. Values only; the rules that
// move it are in room `deploy`.
#include <compare>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace lemmy {

struct Target {
  std::string project;
  std::string environment;

  std::string str() const { return project + "/" + environment; }
  auto operator<=>(const Target&) const = default;
};

enum class Deployer { kubernetes, ansible };

// The phases in order; from `live` on a deploy is finished and does not move again.
enum class Phase { queued, preparing, applying, rolling_out, settling, live, failed, cancelled, superseded };
inline bool is_finished(Phase p) { return p >= Phase::live; }

// What still runs of it, as last seen in the cluster.
enum class Presence { none, running, zeroed, deleted };
// What was asked for; the supervisor works until presence agrees.
enum class Wanted { running, zeroed, deleted };

std::string_view name(Phase p);     // "rolling_out"
std::string_view title(Phase p);    // "Rolling out"
std::string_view name(Presence p);  // "running"
std::string_view name(Wanted w);
std::string_view name(Deployer d);
std::optional<Phase> phase_from(std::string_view name);

struct EventGroup {  // Kubernetes events that say the same, counted
  std::string type;  // Normal | Warning
  std::string reason;
  std::string message;
  int count = 1;
  Time last{};
  bool operator==(const EventGroup&) const = default;
};

// Why a deploy failed, or what holds it up: the first cause, for people.
struct Cause {
  std::string summary;  // "container app: CrashLoopBackOff, exit code 3"
  std::string pod;
  std::string container;
  std::string reason;  // as Kubernetes names it
  std::optional<int> exit_code;
  std::string message;            // as Kubernetes says it
  std::string hint;               // what to do
  std::string log_tail;           // last 25 lines
  std::string previous_log_tail;  // of the container before the restart
  std::vector<EventGroup> events;
  bool operator==(const Cause&) const = default;
};

inline const std::string kUnknownSecret = "unknown";

// One place that a deploy runs in, pods on a cluster or hosts, and how far it is there.
struct DeployPlace {
  std::string name;    // of the cluster; "hosts"
  std::string kind;    // "replication-controller" | "hosts"
  std::string object;  // what it runs by: name of the controller and its autoscaler; of hosts their pattern
  Phase phase = Phase::queued;
  Presence presence = Presence::none;
  Wanted wanted = Wanted::running;
  int running = 0;             // ready pods, or hosts that have the build, as last recorded
  std::optional<Cause> cause;  // why it failed there
  bool operator==(const DeployPlace&) const = default;
};

// What a deploy is as a whole; pure. Unfinished: as far as the place that is furthest behind. Finished: live
// only where all are; else failed, cancelled or superseded, the first of these that one is. Of no place:
// queued.
Phase phase_of(const std::vector<DeployPlace>& places);
// Running where anything runs; else zeroed where anything is zeroed; else deleted where anything was there.
Presence presence_of(const std::vector<DeployPlace>& places);

struct Deploy {
  Target target;
  int64_t number = 0;  // from 1, per target
  std::string sha;
  std::string branch;
  std::string image;
  Deployer deployer = Deployer::kubernetes;
  std::string cluster;
  std::vector<DeployPlace> places;  // one today; in a queued one already, where it is to go

  // From here to `running`, `cause` and `object_name`: what in_places() and sum_up() made of `places`. Read
  // these, write places.
  Phase phase = Phase::queued;
  Presence presence = Presence::none;
  Wanted wanted = Wanted::running;
  int running = 0;  // ready pods, as last recorded

  std::string who;
  std::string reason;
  std::string request_id;  // the same id asked twice is the same deploy
  std::string release;     // of deploys asked for together: the same id; empty: asked for alone
  std::optional<int64_t> rollback_of;
  std::optional<int64_t> follows;  // the deploy that served when this one started

  Time created_at{};
  Time phase_at{};                    // when the phase began
  std::optional<Time> progress_at;    // when more pods than ever before became ready
  std::optional<Time> ready_since;    // while settling
  std::optional<Time> serving_since;  // when it went live or was restored, for people
  // Who serves: of those that run, the one with the highest. Grows by one for its target each time a deploy
  // goes live or is restored, in the same write; clocks have no part in it. 0: never, or kept by a Lemmy of
  // before.
  int64_t serves = 0;
  milliseconds served{0};  // so long it has served since, counted as `idle` is
  // Its pods get no requests though they run: it failed (its own number), or the roll back of this number
  // took it out. 0: they get requests as they become ready.
  int64_t out_by = 0;
  // Nobody asked to delete it: its controller was not in the cluster any more. Should it be there again, as
  // when another cluster was looked at for a while, it is kept.
  bool vanished = false;
  bool at_once = false;  // a roll back: what serves is taken out before this one is ready
  std::optional<Time> finished_at;
  int most_ready = 0;  // the most pods that were ever ready at once
  // So long it has been without progress, as the servers that looked after it counted by their steady clocks.
  milliseconds idle{0};

  std::string object_name;  // of RC and HPA
  int replicas = 0;         // what the RC was started with
  std::string config_map;   // name of the immutable copy; empty when the project has no files
  // resourceVersion of Secret <project> when deployed; empty: there was none; kUnknownSecret: it could not be
  // read.
  std::string secret_version;
  std::optional<Cause> cause;
  std::string note;                 // one sentence on what it waits for now
  std::string cancel_requested_by;  // empty: not asked
  std::string wanted_by;            // who asked for `wanted`, or to cancel; empty: nobody but Lemmy
  std::optional<int> scale_to;      // while being restored: the count to scale to

  int64_t revision = 0;  // grows by one with each write; the store refuses a write from an older one

  bool operator==(const Deploy&) const = default;
};

// One line in a deploy's history. `seq` is given by the store and grows within one deploy; it tells nothing
// about the order of two deploys' lines.
struct DeployEvent {
  int64_t seq = 0;
  Target target;
  int64_t number = 0;
  Time at{};
  std::string kind;  // phase | action | warning
  Phase phase = Phase::queued;
  std::string who;  // a user, or "lemmy"
  std::string text;
  bool operator==(const DeployEvent&) const = default;
};

json::object to_json(const Cause& cause);
// What a starting server must look after: it is not finished, is wanted other than it is, or has objects in a
// cluster.
bool unsettled(const Deploy& deploy);

json::object to_json(const Deploy& deploy);
json::object to_json(const DeployEvent& event);
Result<Deploy> deploy_from_json(const json::value& v);
DeployEvent event_from_json(const json::object& o);

// The deploy's only place, made from its fields when it has none: of one that is new, or was kept by a Lemmy
// of before.
DeployPlace& only_place(Deploy& deploy);
void sum_up(Deploy& deploy);  // phase, presence, wanted, running, cause and object_name from its places
// Changes each of its places, and sums up.
template <class F>
void in_places(Deploy& deploy, F change) {
  (void)only_place(deploy);
  for (DeployPlace& place : deploy.places) change(place);
  sum_up(deploy);
}

// The one that serves: of those running, the one that went live or was restored last. nullptr: none.
const Deploy* current_deploy(const std::vector<Deploy>& deploys);
// Whether `d` takes the place of `best` (nullptr: nobody yet) as the current one.
bool serves_rather(const Deploy* best, const Deploy& d);

}  // namespace lemmy
