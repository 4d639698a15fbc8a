#pragma once
// Takes requests, moves every deploy through its phases, retires old ones. One coroutine a target that has
// something to do. Everything it decides is written to the store before it acts on it, so a server that
// starts after kill -9 goes on from the store and the cluster as they are. Loop thread only.
#include <map>
#include <memory>
#include <set>

#include "config/config.h"
#include "deploy/machine.h"
#include "deploy/place.h"
#include "store/store.h"

namespace lemmy::deploy {

class DryRuns;

struct Request {
  Target target;
  std::string build;  // full sha or a prefix of at least 7
  std::string who;
  std::string reason;
  std::string request_id;  // the same id again gives the same deploy; empty: one is made
  std::string release;     // asked for together with others, by deploy/releases.h
  // What serves as far as the asker knows (0: nothing); when another does meanwhile: conflict.
  std::optional<int64_t> serving = std::nullopt;
};

enum class Action { cancel, zero, remove, restore, rollback, accept };
std::string_view name(Action a);  // "cancel", "zero", "delete", "restore", "rollback", "accept"
std::optional<Action> action_from(std::string_view name);

struct Act {
  Target target;
  int64_t number = 0;
  Action action = Action::cancel;
  std::string who;
  std::string reason;
  std::string request_id;                         // of a roll back, as in Request
  bool confirmed = false;                         // zero or delete also what serves, or answers alone
  std::string release;                            // of a roll back, as in Request
  bool at_once = false;                           // of a roll back: what serves gets no requests from now on
  std::optional<int64_t> serving = std::nullopt;  // as in Request
};

struct Surroundings {
  asio::any_io_executor loop;
  Pool* pool = nullptr;
  store::Store* store = nullptr;
  std::function<std::shared_ptr<const config::Config>()> config;
  // Where the deploy is, or is to go: its cluster, or hosts. An error says what is not configured.
  std::function<Result<Place*>(const Deploy&)> place;
  std::function<void(const Target&)> changed;  // a deploy of the target is different
  std::function<void()> lost = {};             // a write was refused by the fence; may be empty
  // The lease was renewed in time, so nobody else acts outside. Asked before each change outside; empty:
  // there is nobody else.
  std::function<bool()> may_act = {};
  // The highest number that an archive has of the target: none up to it is given again. Empty: no archive.
  std::function<Task<Result<int64_t>>(Target)> archived = {};
};

class Conductor {
 public:
  explicit Conductor(Surroundings surroundings);
  ~Conductor();
  // Reads the picture; until it leads, requests are taken and kept, and nothing is done about them.
  Task<Result<>> start();
  // Goes on with what must be looked after. Of several servers on one store one leads; `fence` is its lease,
  // empty when there is only one.
  Task<Result<>> lead(store::Fence fence);
  void stand_down() { leading_ = false; }  // nothing new is begun
  Task<> follow();                         // another server leads: stops at once, and repeats nothing
  bool leading() const { return leading_; }
  // Another server wrote: reads the target anew, or everything when it is empty.
  Task<Result<>> refresh(Target target);
  // The same for what is not settled: cheap enough to be done every few seconds.
  Task<Result<>> refresh_unsettled();
  void forget(const Target& target, int64_t number);  // it is gone from the store
  Task<> stop();  // lets the write in flight end; deploys go on when a server starts again

  // Accepted once it returns: it is in the store. Errors: not_found (project, environment, build), invalid,
  // unavailable (the store).
  Task<Result<Deploy>> request(Request request);
  // Accepted once it returns; the work is then done in the background. For a roll back the new deploy, else
  // the deploy itself. conflict: the action makes no sense now, or it serves and `confirmed` is not set.
  Task<Result<Deploy>> act(Act act);
  // It failed, and all the pods that it was asked to have are ready by now: whoever accepts it makes it
  // serve.
  bool has_recovered(const Deploy& deploy) const;
  std::string not_ready(const Deploy& deploy) const;
  // Its pods get requests, and those of no other deploy could: zeroed, nobody answers. False also while that
  // cannot be seen.
  bool answers_alone(const Deploy& deploy) const;
  // Which of the actions make sense now.
  std::vector<Action> possible(const Deploy& deploy) const;

  // --- the picture in memory: unfinished deploys, those with something in the cluster, and each target's
  // last
  std::vector<Target> targets() const;
  // Where something of them is in a place, or is to be, with the newest such deploy and how many there are.
  struct InUse {
    int64_t newest = 0;
    int deploys = 0;
    std::map<std::string, int> clusters;  // how many are on each; none of hosts
  };
  std::map<Target, InUse> in_use() const;
  std::vector<std::string> projects() const;  // of targets(), in order, each once
  const Deploy* find(const Target& target, int64_t number) const;
  const Deploy* latest(const Target& target) const;
  // False: the store has no such deploy. True also of one that is so old that memory does not tell.
  bool may_know(const Target& target, int64_t number) const;
  // The one that serves; nullptr: none. Without the deploy `but`: the one that would serve then.
  const Deploy* current(const Target& target, int64_t but = 0) const;
  // deploy/machine.h; follows: what served when the roll back began, nullopt: what serves now.
  TakenOut taken_out_by_rollback(const Target& target, int64_t to,
                                 std::optional<int64_t> follows = std::nullopt) const;
  // Who would be let in if the deploy were zeroed now, by the pods that are seen.
  std::vector<int64_t> let_in_without(const Target& target, int64_t number) const;
  // The one that was made for this request id; nullptr: none that is in memory, or the id is empty.
  const Deploy* made_for(const Target& target, const std::string& request_id) const;
  bool several_run(const Target& target) const;  // more than one deploy has pods
  // Later deploys that failed or were cancelled and may have begun on the hosts that `deploy` runs on, in
  // their order. With number 0: of all that there were.
  std::vector<Deploy> begun_since(const Deploy& deploy) const;
  void hosts_ran(const Target& target);              // a run on instances has ended
  const Deploy* active(const Target& target) const;  // being prepared, applied or rolled out; nullptr: none
  std::vector<const Deploy*> queued(const Target& target) const;  // first in line first
  // Of work under way that has steps of its own; nullptr: none.
  std::shared_ptr<const Report> report(const Deploy& deploy) const;
  Task<Result<std::string>> run_log(Deploy deploy) const;              // so far
  Task<Result<json::object>> drift(Deploy deploy, bool afresh) const;  // of its place

  // As a deploy of it would be, were it asked for now: its place, and the next number.
  Deploy imagine(const Target& target) const;
  bool is_configured(const Target& target) const;  // its environment, and its project with it
  // not_found: it never was, or it was taken out of the configuration and has deploys still, which is said.
  Result<> check_configured(const Target& target) const;
  Result<> check_known(const Target& target) const;   // it is configured, or has deploys
  Result<> check_target(const Target& target) const;  // it is configured, and there is something to deploy to
  // A run on instances that booted, or a dry run, takes the hosts until what is returned goes: a deploy waits
  // for that, and while a deploy waits or goes on none may begin (nullptr). It may go later than the
  // conductor.
  std::shared_ptr<void> take_hosts(const Target& target, const std::string& run_id);

  DryRuns& dry_runs() { return *dry_runs_; }

  void cluster_changed(const Target& target);  // from the watches; an empty target: all

 private:
  friend class Worker;
  static constexpr int kKept = 40;  // finished deploys of a target in memory
  struct TargetState;
  TargetState& state(const Target& target);
  const TargetState* peek(const Target& target) const;
  void wake(const Target& target);
  void keep(const Deploy& deploy);
  Task<> end_workers();
  // Of the target: what is over and not in this page of its newest deploys is gone.
  void drop_all_but(const Target& target, const store::Listing<Deploy>& newest);
  void take(const std::vector<Deploy>& read);  // what the store has, as far as it is news
  Task<Result<Deploy>> load(Target target, int64_t number);
  // conductor_writes.cpp: the only place that writes deploys, so that the feed is told of each change of
  // theirs (deploy/told.h). On conflict the picture in memory is read anew.
  Task<Result<Deploy>> save(Deploy deploy, std::vector<DeployEvent> events);
  Result<> check_act(const Act& act, const Deploy& deploy) const;
  // Of a request for a build, or for a roll back to that number.
  Result<> check_serving(const Target& target, std::optional<int64_t> expected, const std::string& request_id,
                         std::optional<int64_t> rollback_of) const;
  Deploy asked(const Target& target) const;  // imagine(), before the store gave it its number
  // Keeps what was asked for and wakes its worker.
  Task<Result<Deploy>> create(Deploy deploy, std::string text);
  Task<Result<>> raise_number(Deploy deploy);
  Task<Result<Deploy>> make(Deploy deploy, DeployEvent first);
  Task<Result<Deploy>> change(Deploy deploy, std::vector<DeployEvent> events);
  Task<Result<Deploy>> roll_back(Act act, Deploy earlier);
  Task<Result<Deploy>> accept(Act act, Deploy failed, std::string why);  // why: ": " and the reason, or empty
  Result<Place*> place(const Deploy& deploy) const;
  int64_t next_serves(const Target& target) const;  // above those of all others

  Surroundings around_;
  Group group_;
  std::map<Target, std::unique_ptr<TargetState>> targets_;
  struct Taken {
    std::map<Target, std::string> runs;
    std::function<void(const Target&)> freed;  // empty: the conductor is gone
  };
  std::shared_ptr<Taken> taken_ = std::make_shared<Taken>();
  std::unique_ptr<DryRuns> dry_runs_;
  store::Fence fence_;
  bool leading_ = false, stopping_ = false;
};

}  // namespace lemmy::deploy
