#pragma once
// Of several servers on one store one leads: it moves deploys and runs playbooks, the others show and take
// requests. A lease in the store says who. Nobody trusts another machine's clock: whoever has watched the
// lease stand still for `patience` by its own clock takes it over with token + 1, and the store refuses
// writes with an older token (store::Fence). A leader with work under way that is not to be cut, a playbook
// on hosts, says so in the lease: others wait longer then, and it holds out longer without the store. Loop
// thread only.
#include "async/task.h"
#include "store/store.h"

namespace lemmy::lead {

class Leader {
 public:
  static constexpr const char* kLease = "conductor";
  struct Times {
    milliseconds renew{1'000}, patience{6'000};
    // A leader that could not renew for so long stops by itself, before another may begin.
    milliseconds give_up{4'000};
    // The same while the lease says that it is busy.
    // What is under way is cut within 20 s after that: looks, waits of those who follow, and SIGKILL.
    milliseconds busy_patience{45'000}, busy_give_up{20'000};
  };

  struct Duties {
    std::function<Task<Result<>>(store::Fence)> lead;  // begin; an error: give the lease back, try later
    std::function<Task<>()> follow;                    // stop at once
    std::function<bool()> busy = {};                   // something is under way that is not to be cut
  };
  // `name` tells this server from the others; it must be another one after each start.
  Leader(store::Store* store, std::string name, Duties duties,
         Times times = {milliseconds{1'000}, milliseconds{6'000}, milliseconds{4'000}, milliseconds{45'000},
                        milliseconds{20'000}})
      : store_(store), name_(std::move(name)), duties_(std::move(duties)), times_(times) {}
  Task<> run();                      // until it is cancelled
  void stop() { stopping_ = true; }  // takes no lease any more
  // Gives the lease back, so that another server begins at once.
  Task<Result<>> resign();
  void lost();  // a write was refused by the fence: look at once

  bool leading() const { return leading_; }
  // Its lease was renewed in time, so nobody else acts: asked before each change outside the store, which has
  // its own fence. What is under way may go on although it is not.
  bool sure() const { return leading_ && !lost_ && Clock::now() - seen_ < times_.give_up; }
  const store::Lease& lease() const { return lease_; }  // as last seen

 private:
  Task<> look();
  Task<> renew();
  bool late() const;
  bool is_ours(const store::Lease& lease) const;
  Task<> take_over();
  void begin(store::Lease won);
  Task<> work(store::Fence fence);  // begins the duties while the lease is renewed all the same
  Task<> stop_leading();

  store::Store* store_;
  std::string name_;
  Duties duties_;
  const Times times_;
  store::Lease lease_;
  Clock::time_point seen_{};  // when lease_ last changed, or was renewed by us; by the time before asking
  bool leading_ = false, lost_ = false, stopping_ = false;
  bool maybe_idle_ = false;    // a lease that does not say busy may stand in the store
  bool unable_ = false;        // the duties could not begin: give it back
  std::optional<Group> duty_;  // of one time of leading
};

}  // namespace lemmy::lead
