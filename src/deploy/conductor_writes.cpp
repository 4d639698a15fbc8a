// What the conductor writes, and the feed with it.
#include <fmt/format.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/strings.h"
#include "deploy/measure.h"
#include "deploy/state.h"
#include "deploy/told.h"
#include "domain/names.h"

namespace lemmy::deploy {
namespace {

constexpr int64_t kFarOff = 100'000;

void tell(const Deploy& d, const DeployEvent& e) {
  log::info(e.text, {{"project", d.target.project},
                     {"environment", d.target.environment},
                     {"build", d.sha},
                     {"deploy", std::to_string(d.number)},
                     {"phase", std::string(lemmy::name(e.phase))},
                     {"who", e.who}});
}

}  // namespace

Task<Result<Deploy>> Conductor::change(Deploy deploy, std::vector<DeployEvent> events) {
  // People may ask any server; what follows from it is for the one that leads.
  const store::Fence fence = leading_ ? fence_ : store::Fence{};
  const Deploy* known = find(deploy.target, deploy.number);
  std::optional<Deploy> before;
  if (known) before = *known;
  if (!before || before->revision != deploy.revision) {
    // Of another revision it is a conflict all the same.
    auto stored = co_await around_.store->deploy(deploy.target, deploy.number);
    if (!stored && stored.error().code != ErrorCode::not_found) co_return fail(stored.error());
    before = stored ? std::move(*stored) : deploy;
  }
  store::Writes w;
  w.tell = told(&*before, deploy, events);
  if (w.tell.empty())
    co_return co_await around_.store->update_deploy(std::move(deploy), std::move(events), fence);
  w.change.push_back({std::move(deploy), std::move(events)});
  auto written = co_await around_.store->write_all(std::move(w), fence);
  if (!written) co_return fail(written.error());
  co_return std::move(written->changed.at(0));
}

Task<Result<Deploy>> Conductor::make(Deploy deploy, DeployEvent first) {
  store::Writes w;
  w.tell = told(nullptr, deploy, {first});
  w.make = store::Writes::Make{std::move(deploy), std::move(first)};
  auto written = co_await around_.store->write_all(std::move(w), {});
  if (!written) co_return fail(written.error());
  co_return std::move(*written->made);
}

Task<Result<Deploy>> Conductor::save(Deploy deploy, std::vector<DeployEvent> events) {
  Target target = deploy.target;
  int64_t number = deploy.number;
  const Deploy* known = find(target, number);
  const Phase from = known ? known->phase : deploy.phase;
  const Time since = known ? known->phase_at : deploy.phase_at;
  sum_up(deploy);
  // People may ask any server; what follows from it is for the one that leads.
  auto saved = co_await change(std::move(deploy), events);
  if (saved) {
    for (const DeployEvent& e : events) tell(*saved, e);
    if (saved->phase != from) count_phase(from, since, *saved);
    keep(*saved);
    co_return saved;
  }
  if (saved.error().code == ErrorCode::forbidden && around_.lost) around_.lost();
  if (saved.error().code == ErrorCode::conflict) {
    auto fresh = co_await around_.store->deploy(target, number);
    if (fresh) {
      // It may be a write of ours that was said to have failed: its worker may still sleep.
      keep(*fresh);
      wake(target);
    }
  }
  co_return saved;
}

// As after a restore of an older store: what the cluster or an archive has is not given again.
Task<Result<>> Conductor::raise_number(Deploy d) {
  const Deploy* last = latest(d.target);
  const int64_t ours = last ? last->number : 0;
  int64_t given = ours;
  if (around_.archived) {
    auto archived = co_await around_.archived(d.target);
    if (!archived) co_return fail(archived.error());
    given = std::max(given, *archived);
  }
  if (auto at = place(d)) {
    const int64_t there = (*at)->highest_number(d.target);
    // Anybody may write labels; what is that far off was not given by us. It is shown as a stray.
    if (there > given && there - given <= kFarOff) given = there;
  }
  if (given <= ours) co_return Result<>{};
  auto raised = co_await around_.store->raise_number(d.target, given);
  if (!raised) co_return fail(raised.error());
  co_return Result<>{};
}

Task<Result<Deploy>> Conductor::create(Deploy d, std::string text) {
  d.created_at = d.phase_at = now();
  if (d.request_id.empty()) d.request_id = random_hex(12);
  d.reason = shorten(valid_utf8(d.reason), 1000);
  if (!d.reason.empty()) text += ": " + d.reason;
  if (auto raised = co_await raise_number(d); !raised) co_return fail(raised.error());
  const DeployEvent first = event(d, d.created_at, "phase", d.who, std::move(text));
  auto created = co_await make(d, first);
  // It may have been written all the same: the same request gives it back.
  if (!created && created.error().code != ErrorCode::invalid) created = co_await make(d, first);
  if (!created) co_return fail(created.error());
  if (created->sha != d.sha || created->rollback_of != d.rollback_of || created->at_once != d.at_once)
    co_return fail(
        ErrorCode::conflict, "Idempotency-Key",
        fmt::format("this key was used before, for {}",
                    created->rollback_of ? fmt::format("a roll back to #{}{}", *created->rollback_of,
                                                       created->at_once ? " at once" : "")
                                         : "build " + short_sha(created->sha)),
        "give each deploy and each roll back a key of its own");
  crash_point();
  if (!find(created->target, created->number)) tell(*created, first);  // else it was asked for before
  keep(*created);
  wake(d.target);
  co_return created;
}

}  // namespace lemmy::deploy
