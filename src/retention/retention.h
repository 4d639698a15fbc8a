#pragma once
// Lets go what the policy (config::Retention) no longer keeps: archives it, then forgets it. Only on the
// server that leads; a minute after that and then every so often, a little at a time with pauses, so that
// nobody notices. When the archive or the store fails, nothing more is let go and it is tried again. Also
// measures the store, on every server. Loop thread only.
#include "deploy/conductor.h"
#include "retention/archive.h"
#include "retention/numbers.h"
#include "retention/retention_rules.h"

namespace lemmy::retention {

using deploy::Conductor;
using deploy::Surroundings;

class Retention {
 public:
  struct Times {
    milliseconds first{60'000};  // from leading to the first look; also between tries after trouble
    milliseconds pause{50};      // between two steps
    milliseconds sizes{300'000};
    // So long a new deploy waits for the archive to be read, and so long after the start any does.
    milliseconds archive_wait{5'000}, archive_at_most{120'000};
    milliseconds write_at_most{60'000};  // then the disk hangs
  };
  // archive: a folder; empty: none, and nothing is let go. pool: for it alone, as disks may hang; of several
  // threads. `conductor` and `pool` outlive this.
  Retention(Surroundings surroundings, Conductor* conductor, std::string archive, Pool* pool,
            Times times = {milliseconds{60'000}, milliseconds{50}, milliseconds{300'000}, milliseconds{5'000},
                           milliseconds{120'000}, milliseconds{60'000}});
  ~Retention();
  void lead(store::Fence fence);
  Task<> follow();
  Task<> stop();

  // One look at everything. True: there may be more to do. Errors: of the archive or the store; forbidden:
  // another server leads.
  Task<Result<bool>> round(store::Fence fence);

  struct Gone {
    int64_t deploys = 0, builds = 0, deliveries = 0, feed = 0;  // since this server started
    int64_t all() const { return deploys + builds + deliveries + feed; }
  };
  // For Surroundings::archived: the highest number that the archive has of the target. It is read once, from
  // the start on; unavailable: that has not ended yet. When it cannot be read or takes too long, 0 and a
  // warning.
  Task<Result<int64_t>> archived_number(Target target);
  struct Sizes {
    std::vector<store::Size> kinds;
    int64_t archive = 0;  // bytes
    Time at{};
  };
  // As last measured; nothing was yet: `at` is Time{}. What is older than Times::sizes is measured anew in
  // the background.
  const Sizes& sizes();
  const Gone& gone() const { return gone_; }
  // Why nothing is let go now, though something should.
  const std::optional<Error>& trouble() const { return trouble_ ? trouble_ : numbers_trouble_; }
  std::optional<Time> looked_at() const { return looked_at_; }  // the end of the last whole round
  std::string archive() const { return archive_ ? archive_->dir().string() : ""; }

 private:
  using Lines = std::string;
  static constexpr int kPage = 100;               // of the store, read at once
  static constexpr int kMostDeploys = 500;        // of one target, let go in one round
  static void count(const char* kind, double n);  // what was let go
  static void count_error(double n);              // of the archive
  Task<> keep(store::Fence fence);
  Task<> rest(milliseconds longest);  // until the next round
  Task<Result<bool>> of_target(Target target, config::Retention policy, store::Fence fence);
  Task<Result<>> let_go(Target target, Past past, store::Fence fence);
  Task<Result<>> archive_deploy(Deploy deploy, Time at);
  Task<Result<>> of_project(std::string project, config::Retention policy, store::Fence fence);
  Task<Result<>> of_ledger(config::Retention policy, store::Fence fence);
  Task<Result<>> of_feed(config::Retention policy, store::Fence fence);
  Task<Result<int64_t>> passed_by_all();  // of the feed
  Task<> read_archive();
  Task<> raise();  // until it is done
  Task<Result<>> raise_numbers();
  bool reads_too_long();
  Task<Result<std::vector<Past>>> pasts(Target target);
  Task<Result<std::set<std::string>>> used_builds(std::string project);
  Task<Result<>> write(std::string kind, Time at, Lines lines, bool durable);
  Task<> measure();
  void say(const Error& error);

  Surroundings around_;
  Conductor* conductor_;
  const Times times_;
  std::shared_ptr<Archive> archive_;  // nullptr: none
  Pool* pool_;
  Gone gone_;
  std::optional<Error> trouble_, numbers_trouble_;
  std::weak_ptr<bool> writing_;  // there: a write has not ended
  std::optional<Time> looked_at_;
  Sizes sizes_;
  bool measuring_ = false;
  Clock::time_point measured_{};
  Clock::duration took_{};
  std::string said_;
  std::optional<Numbers> archived_;  // nullopt: not read yet
  Clock::time_point reading_since_ = Clock::now();
  bool gone_on_ = false;
  std::shared_ptr<std::atomic<bool>> stop_reading_ = std::make_shared<std::atomic<bool>>(false);
  Group keeping_, measures_;
};

}  // namespace lemmy::retention
