// What the conductor knows without asking the store: its picture in memory.
#include <algorithm>

#include "deploy/state.h"

namespace lemmy::deploy {

Conductor::TargetState& Conductor::state(const Target& target) {
  auto& slot = targets_[target];
  if (!slot) slot = std::make_unique<TargetState>(around_.loop);
  return *slot;
}

const Conductor::TargetState* Conductor::peek(const Target& target) const {
  auto it = targets_.find(target);
  return it == targets_.end() ? nullptr : it->second.get();
}

void Conductor::keep(const Deploy& d) {
  TargetState& s = state(d.target);
  auto it = s.deploys.find(d.number);
  if (it != s.deploys.end() && it->second.revision > d.revision) return;  // a write overtook this one
  s.deploys[d.number] = d;
  for (auto old = s.deploys.begin(); s.deploys.size() > size_t{kKept} && old != std::prev(s.deploys.end());) {
    const Deploy& o = old->second;
    bool over = is_finished(o.phase) && (o.presence == Presence::none || o.presence == Presence::deleted) &&
                (o.wanted == Wanted::running || o.presence == Presence::deleted);
    old = over ? s.deploys.erase(old) : std::next(old);
  }
  around_.changed(d.target);
}

void Conductor::forget(const Target& target, int64_t number) {
  if (peek(target) && state(target).deploys.erase(number) > 0) around_.changed(target);
}

void Conductor::drop_all_but(const Target& target, const store::Listing<Deploy>& newest) {
  if (!peek(target)) return;
  std::set<int64_t> there;
  for (const Deploy& d : newest.items) there.insert(d.number);
  std::erase_if(state(target).deploys, [&](const auto& one) {
    const auto& [number, d] = one;
    // What was made meanwhile is not over; below a page that is full others may follow.
    return is_finished(d.phase) && d.presence != Presence::running && d.presence != Presence::zeroed &&
           !there.contains(number) && (newest.next.empty() || (!there.empty() && number > *there.begin())) &&
           (there.empty() || number < *there.rbegin());
  });
}

std::vector<Target> Conductor::targets() const {
  std::vector<Target> out;
  for (const auto& [target, s] : targets_) out.push_back(target);
  return out;
}

std::map<Target, Conductor::InUse> Conductor::in_use() const {
  std::map<Target, InUse> out;
  for (const auto& [target, s] : targets_)
    for (const auto& [number, d] : s->deploys)
      if (!is_finished(d.phase) || d.presence == Presence::running || d.presence == Presence::zeroed) {
        InUse& of = out[target];
        of.newest = number;
        ++of.deploys;
        if (traits_of(d).scales) ++of.clusters[d.cluster];
      }
  return out;
}

std::vector<std::string> Conductor::projects() const {
  std::vector<std::string> out;
  for (const auto& [target, s] : targets_)
    if (out.empty() || out.back() != target.project) out.push_back(target.project);
  return out;
}

const Deploy* Conductor::find(const Target& target, int64_t number) const {
  const TargetState* s = peek(target);
  if (!s) return nullptr;
  auto it = s->deploys.find(number);
  return it == s->deploys.end() ? nullptr : &it->second;
}

const Deploy* Conductor::latest(const Target& target) const {
  const TargetState* s = peek(target);
  return s && !s->deploys.empty() ? &s->deploys.rbegin()->second : nullptr;
}

bool Conductor::may_know(const Target& target, int64_t number) const {
  const TargetState* s = peek(target);
  if (!s || s->deploys.empty()) return false;
  return s->deploys.contains(number) || number < s->deploys.begin()->first;
}

const Deploy* Conductor::current(const Target& target, int64_t but) const {
  const TargetState* s = peek(target);
  const Deploy* best = nullptr;
  if (s)
    for (const auto& [number, d] : s->deploys)
      if (number != but && serves_rather(best, d)) best = &d;
  return best;
}

TakenOut Conductor::taken_out_by_rollback(const Target& target, int64_t to,
                                          std::optional<int64_t> follows) const {
  const TargetState* s = peek(target);
  const Deploy* serving = current(target);
  return s ? deploy::taken_out_by_rollback(s->copy(), to, follows.value_or(serving ? serving->number : 0))
           : TakenOut{};
}

std::vector<int64_t> Conductor::let_in_without(const Target& target, int64_t number) const {
  const TargetState* s = peek(target);
  std::vector<Deploy> deploys = s ? s->copy() : std::vector<Deploy>();
  Readiness ready;
  for (Deploy& d : deploys) {
    if (d.number == number) want(d, Wanted::zeroed);
    auto at = runs(d) ? place(d) : fail(ErrorCode::not_found, "", "");
    if (!at) continue;
    if (const Sight v = (*at)->look(d); !v.blind && v.ready == 0) ready[d.number] = Ready::no;
  }
  std::vector<int64_t> out;
  for (const Turn& turn : turns(deploys, true, ready))
    if (turn.out_by == 0) out.push_back(turn.number);
  return out;
}

const Deploy* Conductor::made_for(const Target& target, const std::string& request_id) const {
  const TargetState* s = peek(target);
  if (s && !request_id.empty())
    for (const auto& [number, d] : s->deploys)
      if (d.request_id == request_id) return &d;
  return nullptr;
}

bool Conductor::several_run(const Target& target) const {
  const TargetState* s = peek(target);
  return s && std::ranges::count_if(s->deploys, [](const auto& one) { return runs(one.second); }) > 1;
}

const Deploy* Conductor::active(const Target& target) const {
  const TargetState* s = peek(target);
  if (s)
    for (const auto& [number, d] : s->deploys)
      if (!is_finished(d.phase) && d.phase != Phase::queued) return &d;
  return nullptr;
}

std::vector<const Deploy*> Conductor::queued(const Target& target) const {
  std::vector<const Deploy*> out;
  if (const TargetState* s = peek(target))
    for (const auto& [number, d] : s->deploys)
      if (d.phase == Phase::queued) out.push_back(&d);
  return out;
}

std::shared_ptr<const Report> Conductor::report(const Deploy& d) const {
  auto at = place(d);
  return at ? (*at)->report(d) : nullptr;
}

Task<Result<std::string>> Conductor::run_log(Deploy d) const {
  auto at = place(d);
  if (!at) co_return fail(at.error());
  co_return co_await (*at)->log(std::move(d));
}

Task<Result<json::object>> Conductor::drift(Deploy d, bool afresh) const {
  auto at = place(d);
  if (!at) co_return fail(at.error());
  co_return co_await (*at)->drift(std::move(d), afresh);
}

int64_t Conductor::next_serves(const Target& target) const {
  int64_t most = 0;
  if (const TargetState* s = peek(target))
    for (const auto& [number, d] : s->deploys) most = std::max(most, d.serves);
  return most + 1;
}

}  // namespace lemmy::deploy
