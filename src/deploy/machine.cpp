#include "deploy/machine.h"

#include <fmt/format.h>

#include <algorithm>

namespace lemmy::deploy {
namespace {

constexpr milliseconds kLongestWait{60'000};
// A deploy with fatal pods, or without progress for so long, makes way for a newer one.
constexpr milliseconds kStuck{60'000};

Time last_progress(const Deploy& d) { return d.progress_at.value_or(d.phase_at); }

Move give_up(Deploy d, const Verdict& v, Time now, std::string why) {
  Cause cause = v.cause.value_or(Cause{});
  if (cause.summary.empty())
    cause.summary = std::move(why);
  else if (!v.failed)
    cause.summary = why + ": " + cause.summary;
  std::string text = cause.summary;
  d.cause = std::move(cause);
  return enter(std::move(d), Phase::failed, now, "lemmy", std::move(text));
}

Time oldest_first(const Deploy& d) { return d.serving_since.value_or(d.created_at); }

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
  d.phase = phase;
  d.phase_at = now;
  d.note.clear();
  if (phase == Phase::rolling_out) d.ready_since.reset();
  if (phase == Phase::settling) d.ready_since = now;
  if (phase == Phase::live) d.serving_since = now;
  if (is_finished(phase)) d.finished_at = now;
  Move m{std::move(d), {}};
  m.events.push_back(event(m.deploy, now, "phase", std::move(who), std::move(text)));
  return m;
}

std::optional<Move> advance(const Deploy& before, const Seen& seen, const Rules& rules, Time now,
                            bool newer_waits) {
  if (before.phase != Phase::rolling_out && before.phase != Phase::settling) return std::nullopt;
  Deploy d = before;
  const Verdict& v = seen.verdict;
  if (!seen.rc) {
    Cause cause;
    cause.summary = "its ReplicationController is gone: somebody deleted it";
    cause.reason = "Deleted";
    cause.hint = "deploy the build again";
    d.cause = cause;
    d.presence = Presence::deleted;
    return enter(std::move(d), Phase::failed, now, "lemmy", cause.summary);
  }
  const int wanted = seen.rc->wanted;
  bool changed = d.running != v.ready;
  d.running = v.ready;
  if (v.ready > d.most_ready) {
    d.most_ready = v.ready;
    d.progress_at = now;
    changed = true;
  }
  const bool all_ready = seen.rc->observed && v.ready >= wanted && v.pods >= wanted;

  if (v.failed && wanted > 0) return give_up(std::move(d), v, now, "every pod failed");
  if (all_ready && d.phase == Phase::rolling_out)
    return enter(std::move(d), Phase::settling, now, "lemmy", fmt::format("all {} pods are ready", wanted));
  if (!all_ready && d.phase == Phase::settling) {
    std::string text = fmt::format("{} of {} pods are ready: a pod is not ready any more", v.ready, wanted);
    // progress_at stays: going back and forth is no progress.
    if (!d.progress_at) d.progress_at = d.phase_at;
    return enter(std::move(d), Phase::rolling_out, now, "lemmy", std::move(text));
  }
  if (d.phase == Phase::settling) {
    if (now - d.ready_since.value_or(d.phase_at) >= rules.settle)
      return enter(std::move(d), Phase::live, now, "lemmy",
                   fmt::format("live: {} pods stayed ready for {}", v.ready, format_duration(rules.settle)));
  } else {
    const milliseconds idle = now - last_progress(d);
    if (newer_waits && (v.fatal > 0 || idle >= kStuck)) {
      d.cause = v.cause;
      d.wanted = Wanted::zeroed;
      return enter(std::move(d), Phase::superseded, now, "lemmy",
                   "it was stuck and made way for a newer deploy");
    }
    if (idle >= rules.deadline)
      return give_up(std::move(d), v, now,
                     fmt::format("{} of {} pods are ready, and no more for {}", v.ready, wanted,
                                 format_duration(rules.deadline)));
  }
  std::string note = d.phase == Phase::settling ? "all pods are ready; watching that they stay so"
                     : v.cause && !v.cause->summary.empty()
                         ? fmt::format("{} of {} pods are ready: {}", v.ready, wanted, v.cause->summary)
                         : fmt::format("{} of {} pods are ready", v.ready, wanted);
  if (note != d.note) {
    d.note = std::move(note);
    changed = true;
  }
  if (!changed) return std::nullopt;
  return Move{std::move(d), {}};
}

milliseconds until_next(const Deploy& d, const Rules& rules, Time now) {
  Time next = now + kLongestWait;
  if (d.phase == Phase::settling) next = std::min(next, d.ready_since.value_or(now) + rules.settle);
  if (d.phase == Phase::rolling_out) {
    Time since = last_progress(d);
    next = std::min(next, since + rules.deadline);
    if (since + kStuck > now) next = std::min(next, since + kStuck);
  }
  return std::max(milliseconds{5}, next - now);
}

int starting_replicas(int own, int min, int max, int live_ready) {
  if (max == 0) return own;
  if (own == 0) return 0;
  return std::clamp(live_ready > 0 ? live_ready : own, min, max);
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

std::vector<std::pair<int64_t, Wanted>> due(const std::vector<Deploy>& deploys, const config::Retire& policy,
                                            Time now, bool serving_ready) {
  std::vector<std::pair<int64_t, Wanted>> out;
  const Deploy* current = current_deploy(deploys);
  if (!current || !current->serving_since) return out;
  std::vector<const Deploy*> zeroed;
  for (const Deploy& d : deploys) {
    // A failed one stays to be looked at; a restored one that is newer serves too.
    if (d.number == current->number || !is_finished(d.phase) || d.deployer == Deployer::ansible) continue;
    bool older = oldest_first(d) < *current->serving_since;
    if (serving_ready && policy.zero_after && d.presence == Presence::running &&
        d.wanted == Wanted::running && older && now - *current->serving_since >= *policy.zero_after)
      out.emplace_back(d.number, Wanted::zeroed);
    if (d.presence == Presence::zeroed && d.wanted == Wanted::zeroed) zeroed.push_back(&d);
  }
  if (policy.keep && zeroed.size() > static_cast<size_t>(*policy.keep)) {
    std::sort(zeroed.begin(), zeroed.end(), [](auto* a, auto* b) { return a->number > b->number; });
    for (size_t i = *policy.keep; i < zeroed.size(); ++i)
      out.emplace_back(zeroed[i]->number, Wanted::deleted);
  }
  return out;
}

std::optional<milliseconds> until_due(const std::vector<Deploy>& deploys, const config::Retire& policy,
                                      Time now) {
  const Deploy* current = current_deploy(deploys);
  if (!policy.zero_after || !current || !current->serving_since) return std::nullopt;
  for (const Deploy& d : deploys)
    if (d.number != current->number && is_finished(d.phase) && d.presence == Presence::running &&
        d.wanted == Wanted::running && oldest_first(d) < *current->serving_since)
      return std::max(milliseconds{5}, *current->serving_since + *policy.zero_after - now);
  return std::nullopt;
}

}  // namespace lemmy::deploy
