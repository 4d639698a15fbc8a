#include "deploy/conductor.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdlib>

#include "base/crypto.h"
#include "deploy/dry_runs.h"
#include "deploy/renew.h"
#include "deploy/worker.h"
#include "domain/names.h"

namespace lemmy::deploy {
namespace {
constexpr std::string_view kActions[] = {"cancel", "zero", "delete", "restore", "rollback", "accept"};

}  // namespace

std::string_view name(Action a) { return kActions[static_cast<size_t>(a)]; }

std::optional<Action> action_from(std::string_view name) {
  for (size_t i = 0; i < std::size(kActions); ++i)
    if (kActions[i] == name) return static_cast<Action>(i);
  return std::nullopt;
}

void crash_point() {
  static long left = [] {
    const char* at = std::getenv("LEMMY_CRASH_AT");
    return at ? std::atol(at) : 0;
  }();
  if (left > 0 && --left == 0) std::raise(SIGKILL);
}

Conductor::Conductor(Surroundings surroundings)
    : around_(std::move(surroundings)),
      group_(around_.loop),
      dry_runs_(std::make_unique<DryRuns>(around_, this)) {
  taken_->freed = [this](const Target& t) {
    if (targets_.contains(t)) wake(t);
  };
}

Conductor::~Conductor() {
  taken_->freed = nullptr;
  group_.cancel();
}

Task<Result<>> Conductor::start() {
  co_await dry_runs_->forget_interrupted();
  co_return co_await refresh({});
}

Task<Result<>> Conductor::lead(store::Fence fence) {
  fence_ = std::move(fence);
  // What another server did last is in the store only; what it settled since we looked, too.
  auto read = co_await refresh({});
  if (read) read = co_await refresh_unsettled();
  if (!read) co_return read;
  leading_ = true;
  for (auto& [target, s] : targets_) wake(target);
  co_return Result<>{};
}

Task<> Conductor::follow() {
  leading_ = false;
  co_await end_workers();
  renew(group_, around_.loop);
}

Task<> Conductor::stop() {
  stopping_ = true;
  co_await dry_runs_->stop();
  co_await end_workers();
}

Task<> Conductor::end_workers() {
  for (auto& [target, s] : targets_) s->signal.notify();
  // A step in flight may end by itself; what hangs is cut, and repeated when a server starts again.
  bool ended = co_await group_.join(seconds{3});
  if (ended) co_return;
  group_.cancel();
  co_await group_.join(seconds{5});
}

Task<Result<>> Conductor::refresh(Target target) {
  std::vector<Deploy> all;
  if (target.project.empty()) {
    auto unsettled = co_await around_.store->unsettled_deploys();
    if (!unsettled) co_return fail(unsettled.error());
    auto latest = co_await around_.store->latest_deploys();
    if (!latest) co_return fail(latest.error());
    all = std::move(*unsettled);
    all.insert(all.end(), latest->begin(), latest->end());
  } else {
    auto list = co_await around_.store->deploys(target, {kKept, ""});
    if (!list) co_return fail(list.error());
    drop_all_but(target, *list);
    all = std::move(list->items);
  }
  take(all);
  co_return Result<>{};
}

void Conductor::take(const std::vector<Deploy>& read) {
  for (const Deploy& d : read) {
    const Deploy* known = find(d.target, d.number);
    if (known && known->revision >= d.revision) continue;
    keep(d);
    if (!leading_) continue;
    // The worker waits for the run's end: it must hear of this before.
    if (auto at = place(d); at && !d.cancel_requested_by.empty()) (*at)->cancel(d);
    wake(d.target);
  }
}

Task<Result<>> Conductor::refresh_unsettled() {
  auto unsettled = co_await around_.store->unsettled_deploys();
  if (!unsettled) co_return fail(unsettled.error());
  take(*unsettled);
  std::set<std::pair<Target, int64_t>> there;
  for (const Deploy& d : *unsettled) there.emplace(d.target, d.number);
  std::vector<std::pair<Target, int64_t>> settled;  // meanwhile
  for (const auto& [target, s] : targets_)
    for (const auto& [number, d] : s->deploys)
      if ((!is_finished(d.phase) || d.presence == Presence::running || d.presence == Presence::zeroed) &&
          !there.contains({target, number}))
        settled.emplace_back(target, number);
  for (const auto& [target, number] : settled) {
    auto d = co_await around_.store->deploy(target, number);
    if (!d) co_return fail(d.error());
    take({*d});
  }
  co_return Result<>{};
}

void Conductor::wake(const Target& target) {
  TargetState& s = state(target);
  ++s.version;
  s.signal.notify();
  if (s.working || stopping_ || !leading_) return;
  s.working = true;
  group_.spawn("deploys of " + target.str(), [](Conductor* self, Target t) -> Task<> {
    Worker worker(self, t);
    try {
      co_await worker.run();
    } catch (...) {
      self->state(t).working = false;
      // It ended so late that this server leads again.
      if (was_cancelled(std::current_exception())) self->wake(t);
      throw;
    }
    self->state(t).working = false;
  }(this, target));
}

Task<Result<Deploy>> Conductor::load(Target target, int64_t number) {
  if (const Deploy* d = find(target, number)) co_return *d;
  co_return co_await around_.store->deploy(target, number);
}

Task<Result<Deploy>> Conductor::request(Request r) {
  if (auto ok = check_target(r.target); !ok) co_return fail(ok.error());
  if (auto ok = check_serving(r.target, r.serving, r.request_id, std::nullopt); !ok)
    co_return fail(ok.error());
  auto build = co_await around_.store->build(r.target.project, r.build);
  if (!build) co_return fail(build.error());
  Deploy d = asked(r.target);
  d.sha = build->sha;
  d.branch = build->branch;
  d.image = build->image;
  d.who = r.who;
  d.reason = r.reason;
  d.request_id = r.request_id;
  d.release = r.release;
  co_return co_await create(std::move(d), fmt::format("build {} asked for", short_sha(build->sha)));
}

void Conductor::cluster_changed(const Target& target) {
  if (!target.project.empty()) {
    if (targets_.contains(target)) wake(target);
    return;
  }
  std::vector<Target> all = targets();
  for (const Target& t : all) wake(t);
}

}  // namespace lemmy::deploy
