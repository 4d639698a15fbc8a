#pragma once
// What a deploy would change, without changing it: on hosts the playbook with --check --diff, on pods a
// server-side dry run of every manifest. Kept in memory only, the newest few: a restart forgets them, and no
// deploy is recorded. One at a time for each target, a few in total; makes way for a deploy of its target,
// and ends when nobody looks at it any more. Loop thread only.
#include "deploy/conductor.h"

namespace lemmy::deploy {

struct DryRun : TryOut {
  enum class State { running, passed, failed, cancelled };
  std::string id;
  Target target;
  std::string who;
  State state = State::running;
  Time started_at{};
  std::optional<Time> finished_at;
  std::string note;            // why it was cancelled
  std::optional<Cause> cause;  // of one that failed: the first
  Place* place = nullptr;
  std::shared_ptr<void> turn;  // of Conductor::take_hosts
  Clock::time_point looked_at{};
};
std::string_view name(DryRun::State s);  // "passed"
// Without the log: DryRun's fields, with "hosts": the report|null, "build", "branch", "deployer", "short_sha"
// and "finished".
json::object to_json(const DryRun& run);

class DryRuns {
 public:
  DryRuns(const Surroundings& surroundings, Conductor* conductor);
  ~DryRuns();
  // build: as in Request. Errors: as of Conductor::request; conflict when a deploy of the target is not
  // finished or another run has its hosts, with what runs; rate_limited when kAtOnce run.
  Task<Result<std::shared_ptr<const DryRun>>> start(Target target, std::string build, std::string who);
  // Somebody looks at it: it goes on. not_found: it never was, or it is forgotten.
  Result<std::shared_ptr<const DryRun>> look(const Target& target, const std::string& id);
  // It ends soon. conflict: it has ended.
  Result<> cancel(const Target& target, const std::string& id, const std::string& why);
  Task<Result<std::string>> log(Target target, std::string id) const;  // so far
  Task<> stop();
  Task<> forget_interrupted();  // what runs of an earlier server left on disk

  static constexpr size_t kAtOnce = 4, kKept = 50;
  static constexpr milliseconds kLimit{15 * 60'000};  // of one run
  static constexpr milliseconds kUnattended{60'000};  // so long it goes on while nobody looks

 private:
  using Shared = std::shared_ptr<DryRun>;
  Shared find(const Target& target, const std::string& id) const;
  Task<> work(Shared run);
  Task<> watch(Shared run);  // ends it when it must make way, or nobody looks
  void end(Shared run, const Result<>& outcome);
  void forget_old();

  const Surroundings around_;
  Conductor* conductor_;
  Group group_;
  std::vector<Shared> runs_;  // oldest first
};

}  // namespace lemmy::deploy
