#pragma once
// Brings their build to hosts that asked for it by POST /hooks/instance. Calls that come within two seconds
// go into one run of many hosts, one run at a time for each target and a few in total; a call that comes
// while its host runs is answered by another run. The store is the truth: what runs is written before it
// begins, and what a dead server left running is run again. Loop thread only.
#include "deploy/conductor.h"
#include "hosts/instance_rules.h"
#include "hosts/plan.h"

namespace lemmy::hosts {

class Instances {
 public:
  // `conductor` outlives it. `lost`: as of deploy::Surroundings.
  Instances(asio::any_io_executor loop, Surroundings surroundings, deploy::Conductor* conductor,
            std::function<void()> lost = {});
  ~Instances();
  // Goes on with what is unsettled in the store; as Conductor::lead.
  Task<Result<>> lead(store::Fence fence);
  void stand_down() { leading_ = false; }  // nothing new is begun
  Task<> follow();                         // cuts the runs; they are repeated by whoever leads next
  Task<> stop();
  // Wakes the targets that have something to do in the store: another server may have taken calls.
  Task<Result<>> refresh();

  void called(const Target& target);  // a call is in the store
  // As if the instance had called again. not_found: it never called.
  Task<Result<Instance>> run_again(Target target, std::string id, std::string who, std::string from);
  // The machine is no more: it is not waited for, and not listed. not_found; conflict: a run is on it.
  Task<Result<>> let_go(Target target, std::string id);
  void deploys_changed(const Target& target);  // from the conductor; an empty target: the configuration

  // Of the run under way; nullptr: none.
  std::shared_ptr<const ansible::Progress> progress(const Target& target) const;
  // What a run printed, so far or in all. `run`: as in InstanceResult.
  Task<Result<std::string>> run_log(Target target, std::string run) const;
  size_t runs() const { return taken_->runs; }  // under way

  static constexpr milliseconds kWindow{2'000};
  static constexpr size_t kRuns = 4, kHosts = 500;  // at once; in one run

 private:
  // What a round waits for: news, a place among the runs, the store.
  static constexpr milliseconds kNever{3'600'000}, kSoon{1'000}, kStoreDown{5'000};
  struct TargetState {
    explicit TargetState(asio::any_io_executor loop) : signal(loop) {}
    Signal signal;
    uint64_t version = 0;  // grows with each wake
    bool working = false;
    bool held = false;  // nothing can be done before a deploy or the configuration changes
    std::optional<Clock::time_point> window;  // until then calls are gathered
    int64_t looked_after = -1;                // the deploy whose going live was looked after
    int64_t broken_after = -1;                // the last that did not go live, and was looked after
    std::string run;                          // under way
    std::shared_ptr<ansible::Progress> progress;
  };
  TargetState& state(const Target& target);
  void wake(const Target& target);
  Task<> end_workers();
  Task<> work(Target target);
  // Does what is due; how long until something may be due again.
  Task<milliseconds> round(Target target);
  Task<Result<std::vector<Instance>>> unsettled();  // of all targets; says how many wait
  Task<Result<std::vector<Instance>>> unsettled(Target target);
  // Once for each deploy that went live.
  Task<Result<>> look_after_deploy(Target target, Desired desired);
  // The same for one that failed or was cancelled after it had begun on hosts.
  Task<Result<>> look_after_broken(Target target, Deploy broken);
  // Records what the rule makes of instances of the target.
  Task<Result<>> note_each(Target target, std::function<std::optional<Instance>(Instance)> rule);
  Task<Result<Desired>> desired(Target target);
  Task<Result<Directory>> directory(Result<ansible::Plan> plan);
  Task<milliseconds> run(Target target, Desired desired, ansible::Plan plan, std::vector<Instance> batch);
  Task<Result<>> record(std::vector<Instance> instances);
  // The outcome of a run: tried until the store takes it.
  Task<> record_surely(std::vector<Instance> instances);
  Task<milliseconds> hold(Target target, std::vector<Instance> instances, Error why);

  // What runs under way have taken; owned with them, for they may end later than this.
  struct Taken {
    std::set<std::string> hosts;
    size_t runs = 0;
  };

  asio::any_io_executor loop_;
  Surroundings around_;
  deploy::Conductor& conductor_;
  std::function<void()> lost_;
  std::map<Target, std::shared_ptr<TargetState>> targets_;
  std::shared_ptr<Taken> taken_ = std::make_shared<Taken>();
  store::Fence fence_;
  bool leading_ = false, stopping_ = false;
  Group group_;
};

}  // namespace lemmy::hosts
