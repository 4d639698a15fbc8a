#include <fmt/format.h>

#include "base/strings.h"
#include "deploy/worker.h"
#include "domain/names.h"

namespace lemmy::deploy {

std::vector<Action> Conductor::possible(const Deploy& d) const {
  std::vector<Action> out;
  const bool over = is_finished(d.phase);
  const Deploy* serving = current(d.target);
  if (!over && d.cancel_requested_by.empty()) out.push_back(Action::cancel);
  // Hosts have no controller to scale: what is there stays until another deploy replaces it.
  if (over && traits_of(d).scales) {
    const bool running = d.presence == Presence::running, zeroed = d.presence == Presence::zeroed;
    if (running && d.wanted == Wanted::running) out.push_back(Action::zero);
    // What runs and was taken out is let in again, but not while what takes its place is under way: that is
    // cancelled.
    const Deploy* by = find(d.target, d.out_by);
    const bool out_of_turn = running && d.wanted == Wanted::running && d.out_by != 0 && d.serving_since &&
                             (!by || is_finished(by->phase));
    if ((zeroed && d.wanted == Wanted::zeroed) || out_of_turn) out.push_back(Action::restore);
    if ((running || zeroed) && d.wanted != Wanted::deleted) out.push_back(Action::remove);
  }
  if (has_recovered(d)) out.push_back(Action::accept);
  // What was never live is no place to go back to; what serves is one when a later deploy left some hosts
  // with its own build.
  const bool serves = serving && serving->number == d.number;
  if (over && d.serving_since && (!serves || !begun_since(d).empty()) && is_configured(d.target))
    out.push_back(Action::rollback);
  return out;
}

bool Conductor::has_recovered(const Deploy& d) const {
  if (d.phase != Phase::failed || !runs(d)) return false;
  auto at = place(d);
  if (!at) return false;
  const Sight s = (*at)->look(d);
  const int asked = asked_for(d, s);
  return !s.blind && s.there && asked > 0 && s.ready >= asked;
}

// Of a failed deploy that would be accepted if it were ready; empty: that is not what is missing.
std::string Conductor::not_ready(const Deploy& d) const {
  auto at = d.phase == Phase::failed && runs(d) ? place(d) : fail(ErrorCode::not_found, "", "");
  if (!at) return "";
  const Sight s = (*at)->look(d);
  if (s.blind) return "the cluster cannot be seen now, and so not whether all its pods are ready";
  return fmt::format("{} of {} pods are ready: it can be accepted once all are", s.ready, asked_for(d, s));
}

bool Conductor::answers_alone(const Deploy& d) const {
  auto can_answer = [this](const Deploy& one) {
    if (!runs(one) || one.out_by != 0) return false;
    auto at = place(one);
    if (!at) return false;
    const Sight s = (*at)->look(one);
    return !s.blind && s.ready > 0;
  };
  const TargetState* state = peek(d.target);
  if (!state || !traits_of(d).scales || !can_answer(d)) return false;
  return std::ranges::none_of(
      state->deploys, [&](const auto& one) { return one.first != d.number && can_answer(one.second); });
}

std::vector<Deploy> Conductor::begun_since(const Deploy& d) const {
  std::vector<Deploy> out;
  const TargetState* s = peek(d.target);
  if (!s || !traits_of(d).in_place) return out;
  for (auto it = s->deploys.upper_bound(d.number); it != s->deploys.end(); ++it) {
    const Deploy& later = it->second;
    const bool over = later.phase == Phase::failed || later.phase == Phase::cancelled;
    if (over && later.deployer == d.deployer && !later.object_name.empty()) out.push_back(later);
  }
  return out;
}

void Conductor::hosts_ran(const Target& target) {
  ++state(target).runs_on_hosts;
  wake(target);
}

Result<> Conductor::check_act(const Act& act, const Deploy& d) const {
  auto can = possible(d);
  std::string where = fmt::format("{} #{}", d.target.str(), d.number);
  if (act.action == Action::rollback && !is_configured(d.target)) return check_target(d.target);
  if (std::find(can.begin(), can.end(), act.action) == can.end()) {
    std::vector<std::string> names;
    for (Action a : can) names.emplace_back(name(a));
    if (act.action == Action::accept)
      if (const std::string missing = not_ready(d); !missing.empty())
        return fail(ErrorCode::conflict, where, missing, "possible are: " + join(names, ", "));
    if (d.wanted == Wanted::deleted && d.presence != Presence::deleted && is_finished(d.phase))
      return fail(ErrorCode::conflict, where, "it is being deleted",
                  names.empty() ? "" : "possible are: " + join(names, ", "));
    if (!traits_of(d).scales && is_finished(d.phase) && act.action != Action::rollback &&
        act.action != Action::cancel)
      return fail(ErrorCode::conflict, where, "what it put on hosts stays until another deploy replaces it",
                  names.empty() ? "" : "possible are: " + join(names, ", "));
    return fail(ErrorCode::conflict, where,
                fmt::format("it cannot be {} now: its phase is {}, its pods are {}",
                            act.action == Action::cancel    ? "cancelled"
                            : act.action == Action::zero    ? "zeroed"
                            : act.action == Action::remove  ? "deleted"
                            : act.action == Action::restore ? "restored"
                            : act.action == Action::accept  ? "accepted"
                                                            : "rolled back to",
                            lemmy::name(d.phase), lemmy::name(d.presence)),
                names.empty() ? "" : "possible are: " + join(names, ", "));
  }
  const Deploy* serving = current(d.target);
  bool takes_away = act.action == Action::zero || act.action == Action::remove;
  if (takes_away && !act.confirmed && serving && serving->number == d.number)
    return fail(ErrorCode::conflict, where, fmt::format("it is the one that serves {} now", d.target.str()),
                "confirm it if that is what you want");
  if (takes_away && !act.confirmed && answers_alone(d))
    return fail(ErrorCode::conflict, where,
                fmt::format("nothing else answers requests of {} now", d.target.str()),
                "confirm it if that is what you want");
  return {};
}

// Whoever asks twice what was taken the first time changed that itself.
Result<> Conductor::check_serving(const Target& target, std::optional<int64_t> expected,
                                  const std::string& request_id, std::optional<int64_t> rollback_of) const {
  const Deploy* serving = current(target);
  const int64_t now_serves = serving ? serving->number : 0;
  if (!expected || *expected == now_serves) return {};
  if (const Deploy* made = made_for(target, request_id); made && made->rollback_of == rollback_of) return {};
  auto text = [](int64_t n) { return n == 0 ? std::string("nothing") : fmt::format("#{}", n); };
  return fail(ErrorCode::conflict, target.str(),
              fmt::format("{} serves now, and {} did when this was asked", text(now_serves), text(*expected)),
              "look at what serves now, and ask again if it is still right");
}

Task<Result<Deploy>> Conductor::act(Act a) {
  // The worker may write at the same time: look again and repeat, a few times.
  for (int attempt = 0;; ++attempt) {
    auto loaded = co_await load(a.target, a.number);
    if (!loaded) co_return fail(loaded.error());
    Deploy d = *loaded;
    // Clicked twice: the other one was quicker.
    if (attempt > 0 && a.action == Action::accept && d.phase == Phase::live) co_return d;
    if (auto ok = check_act(a, d); !ok) co_return fail(ok.error());
    const std::string key = a.action == Action::rollback ? a.request_id : "";
    if (auto ok = check_serving(a.target, a.serving, key, a.number); !ok) co_return fail(ok.error());
    if (a.action == Action::rollback) co_return co_await roll_back(a, d);
    std::string why = a.reason.empty() ? "" : ": " + shorten(valid_utf8(a.reason), 1000);
    if (a.action == Action::accept) {
      auto accepted = co_await accept(a, std::move(d), why);
      if (!accepted && accepted.error().code == ErrorCode::conflict && attempt < 5) continue;
      co_return accepted;
    }
    std::string text;
    if (a.action == Action::cancel) {
      d.cancel_requested_by = a.who;
      text = "cancel asked for" + why;
    } else if (a.action == Action::zero) {
      want(d, Wanted::zeroed, a.who);
      text = "zero asked for" + why;
    } else if (a.action == Action::remove) {
      want(d, Wanted::deleted, a.who);
      text = "delete asked for" + why;
    } else if (d.presence == Presence::running) {
      serve(d, next_serves(a.target), now());
      text = "its pods are to get requests again: restore asked for" + why;
    } else {
      want(d, Wanted::running, a.who);
      auto at = place(d);
      if (!at) co_return fail(at.error());
      const Deploy* serving = current(a.target);
      d.scale_to = (*at)->restored_to(d, serving ? std::optional(*serving) : std::nullopt);
      text = fmt::format("restore to {} pods asked for{}", *d.scale_to, why);
    }
    auto saved = co_await save(d, {event(d, now(), "action", a.who, text)});
    if (!saved && saved.error().code == ErrorCode::conflict && attempt < 5) continue;
    if (saved) {
      crash_point();
      // The worker waits for the run's end: it must hear of this before.
      if (auto at = place(d); at && a.action == Action::cancel) (*at)->cancel(d);
      wake(a.target);
    }
    co_return saved;
  }
}

Task<Result<Deploy>> Conductor::accept(Act a, Deploy d, std::string why) {
  in_places(d, [](DeployPlace& p) { p.cause.reset(); });
  std::string text = "accepted though it had failed, as all its pods are ready" + why;
  const Target target = d.target;
  state(target).unready.erase(d.number);  // whoever accepts it says that it is ready
  Move move = go_live(std::move(d), next_serves(target), now(), std::move(text));
  move.events.back().who = a.who;
  auto saved = co_await save(std::move(move.deploy), std::move(move.events));
  if (saved) {
    crash_point();
    wake(target);
  }
  co_return saved;
}

Task<Result<Deploy>> Conductor::roll_back(Act a, Deploy earlier) {
  if (auto ok = check_target(a.target); !ok) co_return fail(ok.error());
  if (earlier.deployer != asked(a.target).deployer)
    co_return fail(ErrorCode::conflict, fmt::format("{} #{}", a.target.str(), a.number),
                   fmt::format("it was deployed by {}, and the environment is deployed by {} now",
                               lemmy::name(earlier.deployer), lemmy::name(asked(a.target).deployer)),
                   "deploy the build instead");
  auto kept = co_await around_.store->document(a.target, a.number, traits_of(earlier).made_of);
  if (!kept) co_return fail(kept.error());
  // Where the environment is now: what runs elsewhere is left alone.
  Deploy d = asked(a.target);
  d.sha = earlier.sha;
  d.branch = earlier.branch;
  d.image = earlier.image;
  d.who = a.who;
  d.reason = a.reason;
  d.request_id = a.request_id;
  d.release = a.release;
  d.rollback_of = earlier.number;
  d.at_once = a.at_once;
  if (const Deploy* serving = current(a.target)) d.follows = serving->number;
  co_return co_await create(std::move(d), fmt::format("roll back to #{} (build {}) asked for", earlier.number,
                                                      short_sha(earlier.sha)));
}

}  // namespace lemmy::deploy
