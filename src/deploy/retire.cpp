// Wanted and presence brought together: zero, delete, restore; and what somebody did in the place itself.
#include <fmt/format.h>

#include "deploy/worker.h"

namespace lemmy::deploy {
namespace {

// A write of ours that the watch has not shown yet must not look like somebody's.
constexpr milliseconds kStrange{2'000}, kAskLater{5'000};
// The garbage collector takes pods with their controller, unless whoever deleted it wanted them to stay:
// https://kubernetes.io/docs/concepts/architecture/garbage-collection/#orphaned-dependents
constexpr milliseconds kCollected{10'000};
// So long what answers is kept while what is let in for it cannot be.
constexpr milliseconds kLetIn{120'000};
constexpr const char* kWaitsForOthers = "it answers until what is to answer in its place does";
constexpr const char* kUncontrolled =
    "somebody deleted its controller in the cluster, and its pods run on: nothing may replace them when they "
    "end; "
    "deploy the build again, then delete this one";
constexpr auto kRunning = [](DeployPlace& p) { p.presence = Presence::running; };

}  // namespace

Task<Result<>> Worker::keep(Deploy d, DeployEvent e) {
  d.note.clear();
  Move m{std::move(d), {}};
  m.events.push_back(std::move(e));
  const Did written = co_await store(std::move(m));
  if (written == Did::blocked)
    co_return of_store({ErrorCode::unavailable, "store", "what was done could not be written"});
  co_return Result<>{};
}

// An autoscaler leaves an RC of 0 alone: https://kubernetes.io/docs/concepts/workloads/autoscaling/
Task<Result<>> Worker::zero(Deploy d, Place* place) {
  auto left = co_await place->scale(d, 0);
  if (!left) co_return fail(left.error());
  crash_point();
  const bool gone = *left == Left::gone;
  // What else is of it may still be there: it is removed next.
  in_places(d, [&](DeployPlace& p) {
    if (!gone) p.presence = Presence::zeroed;
    p.running = 0;
  });
  if (gone) want(d, Wanted::deleted, d.wanted_by);
  auto e = event(d, now(), "action", "lemmy",
                 gone ? "there is nothing to scale to 0: its controller is gone" : "scaled to 0");
  co_return co_await keep(std::move(d), std::move(e));
}

Task<Worker::Did> Worker::adopt(Deploy d, int wanted) {
  in_places(d, [wanted](DeployPlace& p) {
    p.presence = wanted > 0 ? Presence::running : Presence::zeroed;
    p.running = 0;
  });
  want(d, wanted > 0 ? Wanted::running : Wanted::zeroed);
  d.vanished = false;
  auto e =
      event(d, now(), "warning", "lemmy",
            "its controller is there again, and nobody asked to delete it: it is kept. Was another cluster "
            "looked at meanwhile?");
  co_return co_await store({std::move(d), {std::move(e)}});
}

Task<Result<>> Worker::remove(Deploy d, Place* place) {
  if (d.vanished) {
    // What was not there may be by now: it goes only when nothing of it is.
    auto left = co_await place->ask(d);
    if (!left) co_return fail(left.error());
    if (*left == Left::there) {
      (void)co_await adopt(std::move(d), 1);
      co_return Result<>{};
    }
  }
  auto gone = co_await place->remove(d);
  if (!gone) co_return fail(gone.error());
  crash_point();
  in_places(d, [](DeployPlace& p) { p.presence = Presence::deleted, p.running = 0; });
  auto e = event(d, now(), "action", "lemmy", "deleted from the cluster");
  co_return co_await keep(std::move(d), std::move(e));
}

Task<Result<>> Worker::restore(Deploy d, Place* place) {
  auto left = co_await place->scale(d, *d.scale_to);
  if (!left) co_return fail(left.error());
  crash_point();
  DeployEvent e = event(d, now(), "action", "lemmy", fmt::format("scaled to {}", *d.scale_to));
  d.scale_to.reset();
  if (*left == Left::gone) {
    // What is left of it is removed next.
    want(d, Wanted::deleted);
    e.text = "it cannot be restored: its controller is gone; roll back to it instead";
  } else {
    in_places(d, [](DeployPlace& p) { p.presence = Presence::running; });
    // What was never live does not become the one that serves.
    if (d.serving_since) serve(d, c_.next_serves(target_), now());
  }
  co_return co_await keep(std::move(d), std::move(e));
}

// What is to answer in its place does not yet, or whether it does cannot be seen; and nothing else does. Not
// for ever, once its own cluster can be seen: before, it could not be done either.
bool Worker::is_needed_yet(const Deploy& d) {
  if (d.out_by != 0) return false;
  bool others = false, blind = false, answered = false;
  Sight own;
  for (const Deploy& o : c_.state(target_).copy()) {
    auto place = c_.place(o);
    if (!place || !traits_of(o).scales) continue;
    const Sight sight = (*place)->look(o);
    if (o.number == d.number) own = sight;
    if (o.number == d.number || !runs(o)) continue;
    others = true;
    blind = blind || sight.blind;
    answered =
        answered || (!sight.blind && o.out_by == 0 && sight.ready > 0 && (*place)->is_admitted(o, true));
  }
  const bool may_answer = own.blind ? d.presence == Presence::running : own.ready > 0;
  const bool waits = others && !answered && may_answer && (own.blind || blind || letting_in_);
  // What does not pass by itself, such as a namespace that nobody watches, is not waited for without end.
  const bool passes =
      own.blind && (own.blind->code == ErrorCode::unavailable || own.blind->code == ErrorCode::timeout);
  if (!waits || passes) {
    needed_since_.erase(d.number);
    return waits;
  }
  const auto since = needed_since_.try_emplace(d.number, Clock::now()).first->second;
  return Clock::now() - since < kLetIn;
}

Task<Worker::Did> Worker::retire() {
  for (const Deploy& d : c_.state(target_).copy()) {
    const bool to_zero = d.wanted == Wanted::zeroed && d.presence == Presence::running;
    const bool to_delete = d.wanted == Wanted::deleted && d.presence != Presence::deleted;
    const bool to_restore = d.wanted == Wanted::running && d.presence == Presence::zeroed && d.scale_to;
    if (!to_zero && !to_delete && !to_restore) continue;
    if (waits(d.number)) continue;
    auto place = c_.place(d);
    if ((to_zero || to_delete) && place && is_needed_yet(d)) {
      look_within(milliseconds{1'000});
      if (const Did did = co_await note(d, kWaitsForOthers); did != Did::nothing) co_return did;
      continue;
    }
    Result<> done;
    if (!place)
      done = fail(place.error());
    else if (to_zero)
      done = co_await zero(d, *place);
    else if (to_delete)
      done = co_await remove(d, *place);
    else
      done = co_await restore(d, *place);
    if (done) {
      retries_.erase(d.number);
      needed_since_.erase(d.number);
      co_return Did::something;
    }
    retry_later(d.number);
    (void)co_await warn(d, kTryingAgain + done.error().str());
  }
  co_return Did::nothing;
}

Task<Worker::Did> Worker::notice() {
  for (const Deploy& d : c_.state(target_).copy()) {
    // What is to be deleted is not done with its controller: retire() goes on until all of it is gone.
    if (!is_finished(d.phase) || d.object_name.empty() || !traits_of(d).scales) continue;
    if (d.wanted == Wanted::deleted && d.presence != Presence::deleted) continue;
    if (d.wanted == Wanted::zeroed && d.presence == Presence::running) continue;
    if (d.presence == Presence::none) continue;
    auto place = c_.place(d);
    if (!place) continue;
    const Sight sight = (*place)->look(d);
    if (sight.blind) continue;
    const bool gone = d.presence == Presence::deleted;
    // Ours may do that: a server that was paused and goes on with what it had begun.
    auto too_much = [&](const Sight& s) {
      return s.there && (gone || (d.presence == Presence::zeroed && !d.scale_to && s.wanted > 0));
    };
    auto missing = [&](const Sight& s) { return !s.there && !gone; };
    if (!too_much(sight) && !missing(sight)) {
      unseen_.erase(d.number);
      if (sight.there) uncontrolled_.erase(d.number);
      if (d.note == kUncontrolled && sight.there) co_return co_await note(d, "");
      continue;
    }
    const bool runs_on = missing(sight) && sight.pods > 0;
    if (runs_on && (d.note == kUncontrolled || uncontrolled_.contains(d.number))) continue;
    const milliseconds strange = runs_on ? kCollected : kStrange;
    auto [since, is_new] = unseen_.emplace(d.number, Clock::now());
    if (is_new || Clock::now() - since->second < strange) {
      look_within(strange);
      continue;
    }
    unseen_.erase(d.number);
    auto now_seen = co_await (*place)->look_again(d);
    if (!now_seen || (!too_much(*now_seen) && !missing(*now_seen))) {
      look_within(kAskLater);
      continue;
    }
    const Deploy* fresh = c_.find(target_, d.number);
    if (!fresh || fresh->revision != d.revision) co_return Did::something;
    if (runs_on) {
      uncontrolled_.insert(d.number);
      co_return co_await warn(d, kUncontrolled);
    }
    Deploy next = d;
    next.note.clear();
    want(next, next.wanted);
    std::string text = "somebody deleted its controller in the cluster";
    if (missing(*now_seen)) {
      // Its autoscaler and the copy of its files are still there: retire() takes them.
      in_places(next, [](DeployPlace& p) { p.running = 0; });
      want(next, Wanted::deleted);
      next.vanished = true;
    } else if (gone && d.vanished) {
      co_return co_await adopt(std::move(next), now_seen->wanted);
    } else if (gone) {
      in_places(next, kRunning);
      want(next, Wanted::deleted);
      text = "its controller is there again though it was deleted: it is deleted once more";
    } else {
      in_places(next, kRunning);
      text = fmt::format("it was zeroed, and its controller was set to {}: it is scaled to 0 again",
                         now_seen->wanted);
    }
    auto e = event(next, now(), "warning", "lemmy", std::move(text));
    co_return co_await store({std::move(next), {std::move(e)}});
  }
  co_return Did::nothing;
}

// In place one build runs at a time: the one before is not there any more.
Task<Worker::Did> Worker::replaced() {
  const Deploy* current = c_.current(target_);
  if (!current || !traits_of(*current).in_place) co_return Did::nothing;
  const int64_t by = current->number;
  const Deployer where = current->deployer;
  for (const Deploy& d : c_.state(target_).copy()) {
    if (d.number == by || d.deployer != where || d.presence != Presence::running) continue;
    Deploy next = d;
    in_places(next, [](DeployPlace& p) { p.presence = Presence::none; });
    DeployEvent e = event(next, now(), "action", "lemmy", fmt::format("replaced on its hosts by #{}", by));
    co_return co_await store({std::move(next), {std::move(e)}});
  }
  co_return Did::nothing;
}

// Where several builds cannot run, those that failed took hosts from the one that serves.
Task<Worker::Did> Worker::count_hosts() {
  const Deploy* current = c_.current(target_);
  if (!current || !traits_of(*current).in_place || c_.active(target_)) co_return Did::nothing;
  Conductor::TargetState& s = c_.state(target_);
  auto later = c_.begun_since(*current);
  const int64_t last = later.empty() ? 0 : later.back().number;
  const auto mark = std::tuple(current->number, last, s.runs_on_hosts);
  if (s.counted == mark || (last == 0 && s.runs_on_hosts == 0)) co_return Did::nothing;
  auto at = c_.place(*current);
  if (!at) co_return Did::nothing;
  Deploy d = *current;
  auto has = co_await (*at)->still_has(d, std::move(later));
  if (!has) {
    look_within(seconds{2});
    co_return Did::nothing;
  }
  if (*has == d.running) {
    s.counted = mark;
    co_return Did::nothing;
  }
  std::string text = fmt::format("{} of {} hosts have it", *has, d.replicas);
  if (*has < d.running && last != 0) text += fmt::format(": #{} ran on others and did not go live", last);
  in_places(d, [&](DeployPlace& p) { p.running = *has; });
  DeployEvent e = event(d, now(), *has < d.replicas ? "warning" : "action", "lemmy", std::move(text));
  co_return co_await store({std::move(d), {std::move(e)}});
}

}  // namespace lemmy::deploy
