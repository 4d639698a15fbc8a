#pragma once
// Inside room deploy: does what one target needs, a step at a time. Every step may be repeated.
#include <algorithm>

#include "deploy/difference.h"
#include "deploy/state.h"
#include "deploy/stopwatch.h"

namespace lemmy::deploy {

class Worker {
 public:
  Worker(Conductor* conductor, Target target) : c_(*conductor), target_(std::move(target)) {}
  Task<> run();

 private:
  static constexpr const char* kTryingAgain = "trying again: ";  // before what went wrong, in notes
  // What a step did.
  enum class Did {
    nothing,    // there is nothing to do here now
    something,  // the picture is another: look from the start
    blocked     // it could not be written, and what follows from it must wait
  };
  static constexpr milliseconds kNoWait{3'600'000};  // nothing to wait for but news
  // What failed, and when it is tried again; of steady clocks.
  struct Retry {
    int tries = 0;  // that failed
    Clock::time_point next{};
    milliseconds failed(milliseconds first, milliseconds longest) {
      const milliseconds wait = back_off(++tries, first, longest);
      next = Clock::now() + wait;
      return wait;
    }
    milliseconds left() const { return std::chrono::ceil<milliseconds>(next - Clock::now()); }
  };

  // One look at everything, in this order; wait_ says how long until the next.
  Task<Did> step();
  // step(), when it is ended by an exception, which is a defect: what it worked at fails with it, or it is
  // tried again, less and less often.
  Task<Did> step_to_the_end();
  void look_within(milliseconds w) { wait_ = std::min({wait_, w, kNoWait - milliseconds{1}}); }

  Task<Did> cancel_requested();
  Task<Did> supersede();
  Task<Did> begin();
  // roll_out.cpp
  Task<Did> go_on(Deploy d);
  Task<Did> prepare(Deploy d, Place* place);
  // place->prepare(), while a note says what it waits for when that takes long.
  Task<Result<Prepared>> prepared(Deploy d, Place* place);
  Task<Did> apply(Deploy d, Place* place);
  Task<Did> watch(Deploy d, Place* place);
  Task<Did> wait_for_picture(Deploy d, Error why);
  // retire.cpp: wanted and presence brought together, and what somebody did behind our back.
  Task<Did> retire();
  bool is_needed_yet(const Deploy& d);
  Task<Result<>> zero(Deploy d, Place* place);
  Task<Result<>> remove(Deploy d, Place* place);
  Task<Did> adopt(Deploy d, int wanted);  // of one that vanished, and is there again
  Task<Result<>> restore(Deploy d, Place* place);
  Task<Result<>> keep(Deploy d, DeployEvent e);  // what was done; an error: it must be done again
  Task<Did> notice();
  Task<Did> replaced();
  Task<Did> count_hosts();
  // admit.cpp: who gets requests.
  Task<Did> admit();
  Task<Did> admit(bool answers);  // those that are to get requests, or none
  config::Failed failed_policy() const;
  Readiness readiness();  // of those that run, when they are several
  Task<Did> cannot_admit(Deploy d, Error why);
  void keep_out(Move& failed);  // as the environment's policy for failed deploys wants it
  // policy.cpp
  Task<Did> apply_policy();
  void time_serving(milliseconds zero_after);

  // failing.cpp. An error from outside: tried again later with a note when that may help, else it fails.
  Task<Did> trouble(Deploy d, Error error, Place* place);
  Task<Did> fail_deploy(Deploy d, Error error, Place* place);
  Task<Did> fail_plainly(Deploy d, Error error);  // without what is kept of its failure
  Task<> keep_failure(Place* place, Deploy d, json::object roles);

  bool waits(int64_t number);  // an earlier try failed, and its wait is not over
  void retry_later(int64_t number);
  Task<Did> store(Move move);
  Task<Did> note(Deploy d, std::string text);  // what it waits for now
  Task<Did> warn(Deploy d, std::string text);  // the same, said in its history too
  Rules rules() const;
  Stopwatch& idle(const Deploy& d);

  Conductor& c_;
  const Target target_;
  milliseconds wait_ = kNoWait;
  std::map<int64_t, Retry> retries_;
  int store_failures_ = 0;
  std::map<int64_t, int> thrown_;  // exceptions while it was the active deploy; 0: there was none
  std::map<int64_t, int> turns_;   // of each deploy, since there was nothing to do last
  // Of the active deploy, and of the one that serves.
  int64_t timed_ = 0, serving_ = 0;
  Stopwatch idle_, ready_, failed_, served_, serving_ready_;
  std::map<int64_t, Clock::time_point> unseen_;  // since when the place shows another thing than it should
  // What was asked of the place for a deploy last, and until when that is waited for: the watch tells of it
  // later. Apart from retries_: it holds up nothing else of the deploy.
  struct Admission {
    bool answers = false;
    bool failed = false;
    Retry retry;
  };
  std::map<int64_t, Admission> admissions_;
  std::set<int64_t> uncontrolled_;  // whose pods run on without a controller, as their history says
  std::map<int64_t, Clock::time_point> needed_since_;  // of each that retire() keeps until others answer
  bool letting_in_ = false;  // who is to get requests does not yet, and nobody else could answer meanwhile
};

}  // namespace lemmy::deploy
