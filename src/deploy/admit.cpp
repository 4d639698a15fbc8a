// Who gets requests: what failed gets none, and what a roll back leaves none once that is ready.
#include <fmt/format.h>

#include <ranges>

#include "deploy/worker.h"

namespace lemmy::deploy {

// A label of ours that the watch has not shown yet.
constexpr milliseconds kUnseenLabels{2'000};
constexpr milliseconds kFirstTry{500}, kLongestTry{60'000};
constexpr milliseconds kLongestNeeded{5'000};  // while nobody else answers
// Pods that are ready again within that were never missed by those who count on them.
constexpr milliseconds kUnready{3'000};
// Pods that crash again and again must not move requests each time.
constexpr milliseconds kSteady{30'000};

config::Failed Worker::failed_policy() const {
  auto config = c_.around_.config();
  const config::Environment* e = config->environment(target_.environment);
  return e ? e->failed : config::Failed::quarantine;
}

Readiness Worker::readiness() {
  Readiness out;
  auto& unready = c_.state(target_).unready;
  const auto& all = c_.state(target_).deploys;
  auto running = [](const Deploy& d) { return d.presence == Presence::running && traits_of(d).scales; };
  if (std::ranges::count_if(all | std::views::values, running) < 2) {
    unready.clear();
    return out;
  }
  const auto at = Clock::now();
  for (const Deploy& d : all | std::views::values) {
    if (!running(d)) {
      unready.erase(d.number);
      continue;
    }
    auto place = c_.place(d);
    const Sight sight = place ? (*place)->look(d) : Sight{.blind = place.error()};
    if (sight.blind) continue;
    if (sight.ready > 0 && !all_ready(d, sight)) out[d.number] = Ready::part;
    if (sight.ready > 0 && !unready.contains(d.number)) continue;
    auto& u = unready.try_emplace(d.number, at).first->second;
    Clock::duration left{};
    if (sight.ready > 0) {
      if (!u.ready_since) u.ready_since = at;
      left = kSteady - (at - *u.ready_since);
      if (!u.missed || left <= Clock::duration{}) {
        unready.erase(d.number);
        continue;
      }
      out[d.number] = Ready::again;
    } else {
      u.ready_since.reset();
      left = kUnready - (at - u.since);
      u.missed = u.missed || left <= Clock::duration{};
      out[d.number] = u.missed ? Ready::no : Ready::unsure;
    }
    if (out.at(d.number) != Ready::no) look_within(std::chrono::ceil<milliseconds>(left));
  }
  return out;
}

void Worker::keep_out(Move& failed) {
  Deploy& d = failed.deploy;
  if (d.phase != Phase::failed || !runs(d)) return;
  const config::Failed policy = failed_policy();
  if (policy == config::Failed::keep) return;
  std::string text;
  if (policy == config::Failed::zero) {
    want(d, Wanted::zeroed);
    text = "to be scaled to 0 by the environment's policy for failed deploys";
  } else {
    if (others_answer(d, c_.state(target_).copy(), readiness())) return;  // turns() takes it out
    text = "those of its pods that are ready go on getting requests: nothing else answers";
  }
  failed.events.push_back(event(d, now(), "action", "lemmy", std::move(text)));
}

Task<Worker::Did> Worker::admit() {
  for (Turn& turn :
       turns(c_.state(target_).copy(), failed_policy() == config::Failed::quarantine, readiness())) {
    const Deploy* d = c_.find(target_, turn.number);
    if (!d) continue;
    Deploy next = *d;
    next.out_by = turn.out_by;
    auto e = event(next, now(), "action", "lemmy", std::move(turn.text));
    co_return co_await store({std::move(next), {std::move(e)}});
  }
  // Nobody goes out while somebody who is to be let in is not in yet.
  Did did = co_await admit(true);
  if (did != Did::nothing || letting_in_) co_return did;
  co_return co_await admit(false);
}

Task<Worker::Did> Worker::admit(bool answers) {
  if (answers) letting_in_ = false;
  std::vector<Deploy> wrong, noted;
  bool others = false;  // who is to answer does
  for (const auto& [number, d] : c_.state(target_).deploys) {
    if ((d.out_by == 0) != answers || !runs(d)) continue;
    auto place = c_.place(d);
    if (!place) continue;
    Admission& a = admissions_[number];
    if (!(*place)->is_admitted(d, answers)) {
      wrong.push_back(d);
      continue;
    }
    others = others || (*place)->look(d).ready > 0;
    a.failed = false;
    // Also one of before a restart.
    if (is_finished(d.phase) && !d.scale_to && d.note.starts_with(kTryingAgain)) noted.push_back(d);
    if (Clock::now() - a.retry.next > kLongestTry) a.retry.tries = 0;
  }
  for (Deploy& d : noted)
    if (const Did did = co_await note(std::move(d), ""); did != Did::nothing) co_return did;
  for (const Deploy& d : wrong) {
    auto place = c_.place(d);
    if (!place) continue;
    Admission& a = admissions_[d.number];
    // One that cannot be let in holds nothing up while somebody else answers.
    letting_in_ = letting_in_ || (answers && !(a.failed && others));
    if (const milliseconds left = a.retry.left(); a.answers == answers && left > milliseconds{0}) {
      look_within(left);
      continue;
    }
    if (std::exchange(a.answers, answers) != answers) a.retry = {};
    auto done = co_await (*place)->admit(d, answers);
    crash_point();
    a.failed = !done;
    // Also when it was done: somebody may set it back for ever.
    const milliseconds longest = answers && !others ? kLongestNeeded : kLongestTry;
    look_within(a.retry.failed(done ? kUnseenLabels : kFirstTry, longest));
    if (done) continue;
    const Did did = co_await cannot_admit(d, done.error());
    if (did != Did::nothing) co_return did;
  }
  co_return Did::nothing;
}

Task<Worker::Did> Worker::cannot_admit(Deploy d, Error why) {
  const Deploy* by = c_.find(target_, d.out_by);
  // What a roll back takes the place of runs until that is live.
  const bool needed = by && by->number != d.number && by->phase != Phase::live;
  if (why.code == ErrorCode::forbidden && d.out_by != 0 && !needed) {
    want(d, Wanted::zeroed);
    auto e = event(d, now(), "warning", "lemmy",
                   "to be scaled to 0: its pods cannot be kept from requests: " + why.str());
    co_return co_await store({std::move(d), {std::move(e)}});
  }
  // Without the right to label, what the Service selects as before answers all the same.
  if (why.code == ErrorCode::forbidden && d.out_by == 0) co_return Did::nothing;
  co_return co_await warn(std::move(d), kTryingAgain + why.str());
}

}  // namespace lemmy::deploy
