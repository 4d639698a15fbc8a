#include "deploy/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace lemmy::deploy {
namespace {

// A deploy with fatal pods, or without progress for so long, makes way for a newer one.
constexpr milliseconds kStuck{60'000};
constexpr milliseconds kKeepIdle{30'000};

Move give_up(Deploy d, const Sight& v, Time now, std::string why) {
  Cause cause = v.cause.value_or(Cause{});
  if (cause.summary.empty())
    cause.summary = std::move(why);
  else if (!v.failed)
    cause.summary = why + ": " + cause.summary;
  std::string text = cause.summary;
  in_places(d, [&](DeployPlace& p) { p.cause = cause; });
  return enter(std::move(d), Phase::failed, now, "lemmy", std::move(text));
}

}  // namespace

DeployEvent event(const Deploy& d, Time now, std::string kind, std::string who, std::string text) {
  DeployEvent e;
  e.target = d.target;
  e.number = d.number;
  e.at = now;
  e.kind = std::move(kind);
  e.phase = d.phase;
  e.who = std::move(who);
  e.text = std::move(text);
  return e;
}

Move enter(Deploy d, Phase phase, Time now, std::string who, std::string text) {
  in_places(d, [&](DeployPlace& p) { p.phase = phase; });
  d.phase_at = now;
  d.note.clear();
  if (phase == Phase::rolling_out) d.ready_since.reset();
  if (phase == Phase::settling) d.ready_since = now;
  if (is_finished(phase)) d.finished_at = now;
  Move m{std::move(d), {}};
  m.events.push_back(event(m.deploy, now, "phase", std::move(who), std::move(text)));
  return m;
}

void want(Deploy& d, Wanted wanted, std::string by) {
  in_places(d, [wanted](DeployPlace& p) { p.wanted = wanted; });
  d.wanted_by = std::move(by);
}

bool all_ready(const Deploy& d, const Sight& v) { return v.ready >= std::max(v.wanted, asked_for(d, v)); }

int asked_for(const Deploy& d, const Sight& v) {
  return d.replicas == 0 ? v.wanted : v.autoscaled ? std::max(1, v.wanted) : d.replicas;
}

void serve(Deploy& d, int64_t serves, Time now) {
  d.serving_since = now;
  d.serves = serves;
  d.served = milliseconds{0};
  d.out_by = 0;
}

Move go_live(Deploy d, int64_t serves, Time now, std::string text) {
  serve(d, serves, now);
  return enter(std::move(d), Phase::live, now, "lemmy", std::move(text));
}

std::optional<Move> advance(const Deploy& before, const Sight& v, const Rules& rules, Waited waited, Time now,
                            bool newer_waits, int64_t serves) {
  if (before.phase != Phase::rolling_out && before.phase != Phase::settling) return std::nullopt;
  Deploy d = before;
  d.idle = waited.idle;
  if (!v.there) {
    Cause cause;
    cause.summary = "its controller is gone: somebody deleted it";
    cause.reason = "Deleted";
    cause.hint = "deploy the build again";
    // Pods that were not deleted with it run on; without them what else is of it is taken away.
    in_places(d,
              [&](DeployPlace& p) { p.cause = cause, p.presence = Presence::running, p.running = v.ready; });
    if (v.pods == 0) want(d, Wanted::deleted);
    return enter(std::move(d), Phase::failed, now, "lemmy", cause.summary);
  }
  const int wanted = asked_for(d, v);
  bool changed = d.running != v.ready;
  in_places(d, [&](DeployPlace& p) { p.running = v.ready; });
  if (v.ready > d.most_ready) {
    d.most_ready = v.ready;
    d.progress_at = now;
    d.idle = waited.idle = milliseconds{0};
    changed = true;
  }
  const bool all_ready = v.observed && v.ready >= wanted && v.pods >= wanted;

  const bool waits = v.may_be_made && waited.failed < rules.wait_for_config;
  if (v.failed && wanted > 0 && !waits) return give_up(std::move(d), v, now, "every pod failed");
  if (all_ready && d.phase == Phase::rolling_out)
    return enter(std::move(d), Phase::settling, now, "lemmy",
                 wanted == 1 ? "its pod is ready" : fmt::format("all {} pods are ready", wanted));
  if (!all_ready && d.phase == Phase::settling) {
    std::string text = fmt::format("{} of {} pods are ready: {}", v.ready, wanted,
                                   v.ready < before.running           ? "a pod is not ready any more"
                                   : v.autoscaled && v.ready < wanted ? "its autoscaler asks for more"
                                                                      : "its controller was changed");
    // Idle goes on from before: back and forth is no progress.
    return enter(std::move(d), Phase::rolling_out, now, "lemmy", std::move(text));
  }
  if (d.phase == Phase::settling) {
    if (waited.ready >= rules.settle)
      return go_live(std::move(d), serves, now,
                     fmt::format("live: {} stayed ready for {}",
                                 v.ready == 1 ? "its pod" : fmt::format("{} pods", v.ready),
                                 format_duration(rules.settle)));
  } else {
    if (newer_waits && (v.fatal > 0 || waited.idle >= kStuck)) {
      in_places(d, [&](DeployPlace& p) { p.cause = v.cause; });
      want(d, Wanted::zeroed);
      return enter(std::move(d), Phase::superseded, now, "lemmy",
                   "it was stuck and made way for a newer deploy");
    }
    if (waited.idle >= rules.deadline)
      return give_up(std::move(d), v, now,
                     fmt::format("{} of {} pods are ready, and no more for {}", v.ready, wanted,
                                 format_duration(rules.deadline)));
  }
  std::string note = d.phase == Phase::settling ? "all pods are ready; watching that they stay so"
                     : v.cause && !v.cause->summary.empty()
                         ? fmt::format("{} of {} pods are ready: {}", v.ready, wanted, v.cause->summary)
                         : fmt::format("{} of {} pods are ready", v.ready, wanted);
  if (v.wanted != wanted) note += fmt::format("; its controller was set to {}", v.wanted);
  if (note != d.note) {
    d.note = std::move(note);
    changed = true;
  }
  // Kept now and then, so that a server that takes over goes on from it.
  if (!changed && d.idle - before.idle < kKeepIdle) return std::nullopt;
  return Move{std::move(d), {}};
}

milliseconds until_next(const Deploy& d, const Sight& v, const Rules& rules, Waited waited) {
  milliseconds next = kLongestLook;
  if (d.phase == Phase::settling) next = std::min(next, rules.settle - waited.ready);
  if (d.phase == Phase::rolling_out) {
    next = std::min(next, rules.deadline - waited.idle);
    if (v.failed && v.may_be_made) next = std::min(next, rules.wait_for_config - waited.failed);
    if (waited.idle < kStuck) next = std::min(next, kStuck - waited.idle);
  }
  return std::max(milliseconds{5}, next);
}

int starting_replicas(int own, int min, int max, int serving_wants) {
  if (max == 0) return own;
  if (own == 0) return 0;
  return std::clamp(serving_wants > 0 ? serving_wants : own, min, max);
}

std::vector<std::pair<int64_t, int64_t>> superseded(const std::vector<Deploy>& deploys) {
  int64_t newest = 0;
  // Also one that has left the queue already: nothing older goes after it.
  for (const Deploy& d : deploys)
    if (d.phase != Phase::cancelled && d.phase != Phase::superseded) newest = std::max(newest, d.number);
  std::vector<std::pair<int64_t, int64_t>> out;
  for (const Deploy& d : deploys)
    if (d.phase == Phase::queued && d.number != newest) out.emplace_back(d.number, newest);
  return out;
}

// A newer one that failed stays to be looked at; what went live after the serving one serves too, and was
// restored by hand.
static bool precedes(const Deploy& d, const Deploy& current) {
  if (d.number == current.number || !is_finished(d.phase) || !traits_of(d).scales) return false;
  if (!d.serving_since) return d.number < current.number;
  return std::tuple(d.serves, *d.serving_since) < std::tuple(current.serves, *current.serving_since);
}

std::vector<std::pair<int64_t, Wanted>> due(const std::vector<Deploy>& deploys, const config::Retire& policy,
                                            std::optional<milliseconds> served) {
  std::vector<std::pair<int64_t, Wanted>> out;
  const Deploy* current = current_deploy(deploys);
  if (!current || !current->serving_since) return out;
  if (current->out_by != 0) served.reset();  // others answer for it
  std::vector<const Deploy*> zeroed;
  for (const Deploy& d : deploys) {
    if (d.number == current->number || !is_finished(d.phase) || !traits_of(d).scales) continue;
    if (served && policy.zero_after && d.presence == Presence::running && d.wanted == Wanted::running &&
        precedes(d, *current) && *served >= *policy.zero_after)
      out.emplace_back(d.number, Wanted::zeroed);
    if (d.presence == Presence::zeroed && d.wanted == Wanted::zeroed && precedes(d, *current))
      zeroed.push_back(&d);
  }
  if (policy.keep && zeroed.size() > static_cast<size_t>(*policy.keep)) {
    // What once served is what people go back to: it is kept before what never did.
    std::sort(zeroed.begin(), zeroed.end(), [](auto* a, auto* b) {
      return std::pair(a->serving_since.has_value(), a->number) >
             std::pair(b->serving_since.has_value(), b->number);
    });
    for (size_t i = *policy.keep; i < zeroed.size(); ++i)
      out.emplace_back(zeroed[i]->number, Wanted::deleted);
  }
  return out;
}

bool will_be_due(const std::vector<Deploy>& deploys, const config::Retire& policy) {
  const Deploy* current = current_deploy(deploys);
  if (!policy.zero_after || !current || !current->serving_since) return false;
  return std::any_of(deploys.begin(), deploys.end(), [&](const Deploy& d) {
    return d.presence == Presence::running && d.wanted == Wanted::running && precedes(d, *current);
  });
}

}  // namespace lemmy::deploy
