// Who gets requests.
#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <tuple>

#include "deploy/machine.h"

namespace lemmy::deploy {

bool runs(const Deploy& d) {
  return d.presence == Presence::running && d.wanted == Wanted::running && traits_of(d).scales;
}

static Ready of(const Readiness& ready, const Deploy& d) {
  const auto it = ready.find(d.number);
  return it == ready.end() ? Ready::yes : it->second;
}

static bool answers(const Readiness& ready, const Deploy& d) {
  return of(ready, d) == Ready::yes || of(ready, d) == Ready::part;
}

static bool other_in(const Deploy& than, const Deploy& d) {
  return d.number != than.number && d.target == than.target && runs(d) && d.out_by == 0;
}

bool others_answer(const Deploy& than, const std::vector<Deploy>& deploys, const Readiness& ready) {
  return std::ranges::any_of(
      deploys, [&](const Deploy& d) { return other_in(than, d) && d.serving_since && answers(ready, d); });
}

static bool never_live(const Deploy& d) {
  return is_finished(d.phase) && d.phase != Phase::live && !d.serving_since;
}

static bool could_answer(const Readiness& ready, const Deploy& d) {
  return answers(ready, d) || of(ready, d) == Ready::again;
}

// Of those that could be let in while nothing answers, the one that served last.
static bool is_best(const Deploy& d, const std::vector<Deploy>& deploys, const Readiness& ready) {
  auto rank = [](const Deploy& one) { return std::tuple(!never_live(one), one.serves, one.number); };
  return std::ranges::none_of(deploys, [&](const Deploy& other) {
    return other.number != d.number && other.target == d.target && runs(other) && other.out_by != 0 &&
           could_answer(ready, other) && rank(other) > rank(d);
  });
}

// It could answer, and nothing else does that is as good.
static bool is_needed(const Deploy& d, const std::vector<Deploy>& deploys, const Readiness& ready) {
  if (!could_answer(ready, d) || !is_best(d, deploys, ready)) return false;
  return std::ranges::none_of(deploys, [&](const Deploy& other) {
    return other_in(d, other) && of(ready, other) != Ready::no && (never_live(d) || !never_live(other));
  });
}

// What a roll back is to take the place of: what served, and what came after that to which it goes back.
static bool leaves(const Deploy& by, const Deploy& d) {
  return d.number == by.follows.value_or(0) || (d.number > *by.rollback_of && d.number < by.number);
}

TakenOut taken_out_by_rollback(const std::vector<Deploy>& deploys, int64_t to, int64_t serving) {
  Deploy by;
  by.number = std::numeric_limits<int64_t>::max();
  by.rollback_of = to;
  by.follows = serving;
  TakenOut found;
  for (const Deploy& d : deploys)
    if (runs(d) && d.out_by == 0) (leaves(by, d) ? found.out : found.stay).push_back(d.number);
  std::ranges::sort(found.out);
  std::ranges::sort(found.stay);
  return found;
}

static std::optional<Turn> out_by(const Deploy& by, const Deploy& d) {
  // At once means also while another deploy goes on, for which the roll back waits.
  if (!by.rollback_of || (by.phase == Phase::queued && !by.at_once) || !leaves(by, d)) return std::nullopt;
  const bool ready = runs(by) && (by.phase == Phase::settling || by.phase == Phase::live);
  const bool at_once = by.at_once && !is_finished(by.phase);
  if (!ready && !at_once) return std::nullopt;
  // One that was restored after the roll back serves again; one that ended under a Lemmy of before took
  // nothing out.
  if (by.phase == Phase::live && (by.serves == 0 || d.serves > by.serves)) return std::nullopt;
  return Turn{d.number, by.number,
              fmt::format("its pods get no requests any more: #{} {}", by.number,
                          ready ? "is ready" : "takes its place, and was to do so at once")};
}

// Of one that gets requests.
static std::optional<Turn> taken_out(const Deploy& d, const std::vector<Deploy>& deploys, bool quarantine,
                                     const Readiness& ready) {
  for (const Deploy& by : deploys) {
    // None is taken out for a roll back that is known to have no pod ready: let_in would let it in again at
    // once. One that was zeroed or lost its pods has to have all of them again.
    const bool can_answer =
        is_finished(by.phase) ? of(ready, by) == Ready::yes : by.at_once || of(ready, by) != Ready::no;
    if (auto turn = out_by(by, d); turn && can_answer) return turn;
  }
  if (quarantine && never_live(d) && others_answer(d, deploys, ready))
    return Turn{d.number, d.number, "its pods get no requests any more; they stay to be looked at"};
  return std::nullopt;
}

// Of one that gets none: why it is to get them again, or empty.
static std::string let_in(const Deploy& d, const std::vector<Deploy>& deploys, const Readiness& ready) {
  const bool needed = is_needed(d, deploys, ready);
  if (d.out_by == d.number) return needed ? "nothing else answers" : "";
  auto by = std::ranges::find(deploys, d.out_by, &Deploy::number);
  const bool known = by != deploys.end();
  if (known && out_by(*by, d)) {
    const bool asked_so = by->at_once && !is_finished(by->phase);
    return needed && !asked_so ? fmt::format("no pod of #{} is ready, and nothing else answers", d.out_by)
                               : "";
  }
  // Its place is taken for good by one that went live, while that or anything else answers.
  if (!known || by->phase == Phase::live) {
    const Deploy* serves = current_deploy(deploys);
    if (serves && serves->number == d.number)
      return fmt::format("#{} is gone, and this one serves", d.out_by);
    return needed ? fmt::format("#{} is gone, and nothing else answers", d.out_by) : "";
  }
  return fmt::format("#{} {}", d.out_by,
                     is_finished(by->phase) ? "came to nothing" : "is not ready any more");
}

std::vector<Turn> turns(const std::vector<Deploy>& deploys, bool quarantine, const Readiness& ready) {
  // What was never live is let in last: by then it may not be needed any more.
  std::vector<Turn> out, last;
  for (const Deploy& d : deploys) {
    if (!runs(d)) continue;
    if (d.out_by == 0) {
      if (auto turn = taken_out(d, deploys, quarantine, ready)) out.push_back(std::move(*turn));
    } else if (const std::string why = let_in(d, deploys, ready); !why.empty()) {
      (never_live(d) ? last : out).push_back({d.number, 0, "its pods are to get requests again: " + why});
    }
  }
  for (Turn& turn : last) out.push_back(std::move(turn));
  return out;
}

}  // namespace lemmy::deploy
