// Who gets requests: what failed gets none, and what a roll back leaves none once that is ready.
#include <fmt/format.h>

#include "deploy/worker.h"

namespace lemmy::deploy {

// A label of ours that the watch has not shown yet.
constexpr milliseconds kUnseenLabels{2'000};

void Worker::keep_out(Move& failed) {
  Deploy& d = failed.deploy;
  if (d.phase != Phase::failed || d.presence != Presence::running || d.wanted != Wanted::running) return;
  auto config = c_.around_.config();
  const config::Environment* e = config->environment(target_.environment);
  const config::Failed policy = e ? e->failed : config::Failed::quarantine;
  if (!traits_of(d).scales || policy == config::Failed::keep) return;
  const bool zero = policy == config::Failed::zero;
  if (zero)
    in_places(d, [](DeployPlace& p) { p.wanted = Wanted::zeroed; });
  else
    d.out_by = d.number;
  failed.events.push_back(event(d, now(), "action", "lemmy",
                                zero ? "to be scaled to 0 by the environment's policy for failed deploys"
                                     : "its pods get no requests any more; they stay to be looked at"));
}

Task<Worker::Did> Worker::admit() {
  for (Turn& turn : turns(c_.state(target_).copy())) {
    const Deploy* d = c_.find(target_, turn.number);
    if (!d) continue;
    Deploy next = *d;
    next.out_by = turn.out_by;
    auto e = event(next, now(), "action", "lemmy", std::move(turn.text));
    co_return co_await store({std::move(next), {std::move(e)}});
  }
  for (const Deploy& d : c_.state(target_).copy()) {
    if (d.presence != Presence::running || d.wanted != Wanted::running || !traits_of(d).scales) continue;
    auto place = c_.place(d);
    if (!place || (*place)->is_admitted(d, d.out_by == 0)) continue;
    if (waits(d.number)) continue;
    auto [since, is_new] = admitted_.emplace(d.number, Clock::now());
    if (!is_new && Clock::now() - since->second < kUnseenLabels) {
      look_within(kUnseenLabels);
      continue;
    }
    since->second = Clock::now();
    auto done = co_await (*place)->admit(d, d.out_by == 0);
    crash_point();
    if (!done) {
      admitted_.erase(d.number);
      const Did did = co_await cannot_admit(d, done.error());
      if (did != Did::nothing) co_return did;
    } else if (retries_.erase(d.number) > 0) {
      const Deploy* fresh = c_.find(target_, d.number);
      if (fresh && !fresh->note.empty()) {
        Deploy next = *fresh;
        next.note.clear();
        co_return co_await store({std::move(next), {}});
      }
    }
    look_within(kUnseenLabels);
  }
  co_return Did::nothing;
}

Task<Worker::Did> Worker::cannot_admit(Deploy d, Error why) {
  const Deploy* by = c_.find(target_, d.out_by);
  // What a roll back takes the place of runs until that is live.
  const bool needed = by && by->number != d.number && by->phase != Phase::live;
  if (why.code == ErrorCode::forbidden && d.out_by != 0 && !needed) {
    in_places(d, [](DeployPlace& p) { p.wanted = Wanted::zeroed; });
    auto e = event(d, now(), "warning", "lemmy",
                   "to be scaled to 0: its pods cannot be kept from requests: " + why.str());
    co_return co_await store({std::move(d), {std::move(e)}});
  }
  retry_later(d.number);
  std::string text = "trying again: " + why.str();
  if (d.note == text) co_return Did::nothing;
  d.note = std::move(text);
  auto e = event(d, now(), "warning", "lemmy", d.note);
  const Did did = co_await store({std::move(d), {std::move(e)}});
  co_return did == Did::blocked ? did : Did::nothing;
}

}  // namespace lemmy::deploy
