#include "deploy/dry_runs.h"

#include <fmt/format.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/strings.h"
#include "domain/names.h"

namespace lemmy::deploy {
namespace {

constexpr milliseconds kTick{500};

Cause cause_of(const Error& e) {
  Cause c;
  c.summary = (e.where.empty() ? "" : e.where + ": ") + e.what;
  c.reason = std::string(lemmy::name(e.code));
  c.message = e.detail;
  c.hint = e.hint;
  return c;
}

}  // namespace

std::string_view name(DryRun::State s) {
  constexpr std::string_view names[] = {"running", "passed", "failed", "cancelled"};
  return names[static_cast<size_t>(s)];
}

json::object to_json(const DryRun& r) {
  json::object o{{"id", r.id},
                 {"project", r.target.project},
                 {"environment", r.target.environment},
                 {"build", r.deploy.sha},
                 {"short_sha", short_sha(r.deploy.sha)},
                 {"branch", r.deploy.branch},
                 {"deployer", lemmy::name(r.deploy.deployer)},
                 {"who", r.who},
                 {"state", name(r.state)},
                 {"finished", r.state != DryRun::State::running},
                 {"started_at", format_time(r.started_at)},
                 {"note", r.note},
                 {"objects", r.objects}};
  o["finished_at"] = r.finished_at ? json::value(format_time(*r.finished_at)) : json::value(nullptr);
  o["cause"] = r.cause ? json::value(to_json(*r.cause)) : json::value(nullptr);
  o["hosts"] = r.report ? json::value(r.report->to_json()) : json::value(nullptr);
  return o;
}

DryRuns::DryRuns(const Surroundings& surroundings, Conductor* conductor)
    : around_(surroundings), conductor_(conductor), group_(around_.loop) {}

DryRuns::~DryRuns() { group_.cancel(); }

Task<> DryRuns::stop() {
  for (const Shared& r : runs_) r->cancel_asked = true;
  group_.cancel();
  co_await group_.join(seconds{5});
}

Task<> DryRuns::forget_interrupted() {
  auto config = around_.config();
  for (const auto& [name, project] : config->projects)
    for (const config::ProjectEnvironment& e : project.environments) {
      const Target target{name, e.name};
      if (auto place = around_.place(conductor_->imagine(target))) co_await (*place)->forget_try_out(target);
    }
}

Task<Result<std::shared_ptr<const DryRun>>> DryRuns::start(Target target, std::string build,
                                                           std::string who) {
  if (auto ok = conductor_->check_target(target); !ok) co_return fail(ok.error());
  auto known = co_await around_.store->build(target.project, build);
  if (!known) co_return fail(known.error());

  const Deploy* busy = conductor_->active(target);
  if (auto queued = conductor_->queued(target); !busy && !queued.empty()) busy = queued.front();
  if (busy)
    co_return fail(ErrorCode::conflict, target.str(),
                   fmt::format("deploy #{} of build {} is {}", busy->number, short_sha(busy->sha),
                               lemmy::name(busy->phase)),
                   "a dry run would see half of it: wait for its end, or cancel it");
  size_t running = 0;
  for (const Shared& r : runs_) {
    if (r->state != DryRun::State::running) continue;
    ++running;
    if (r->target == target)
      co_return fail(
          ErrorCode::conflict, target.str(),
          fmt::format("a dry run of build {} by {} is under way", short_sha(r->deploy.sha), r->who),
          "look at that one (" + r->id + "), or cancel it");
  }
  if (running >= kAtOnce)
    co_return fail(ErrorCode::rate_limited, "dry runs", fmt::format("{} are under way", running),
                   "try again when one of them has ended");
  Deploy imagined = conductor_->imagine(target);
  auto place = around_.place(imagined);
  if (!place) co_return fail(place.error());
  auto turn = conductor_->take_hosts(target, dry_run_id(target));
  if (!turn)
    co_return fail(ErrorCode::conflict, target.str(), "a run on instances that booted is under way",
                   "try again when it has ended");

  auto run = std::make_shared<DryRun>();
  run->id = random_hex(6);
  run->target = target;
  run->place = *place;
  run->turn = std::move(turn);
  run->deploy = std::move(imagined);
  run->deploy.sha = known->sha;
  run->deploy.branch = known->branch;
  run->deploy.image = known->image;
  run->who = std::move(who);
  run->started_at = now();
  run->looked_at = Clock::now();
  runs_.push_back(run);
  forget_old();
  log::info("dry run", {{"project", target.project},
                        {"environment", target.environment},
                        {"build", run->deploy.sha},
                        {"who", run->who},
                        {"dry_run", run->id}});
  group_.spawn("dry run of " + target.str(), work(run));
  group_.spawn("end of the dry run of " + target.str(), watch(run));
  co_return run;
}

Task<> DryRuns::work(Shared run) {
  Result<> outcome = fail(ErrorCode::cancelled, run->target.str(), "the server stops");
  try {
    outcome = co_await with_deadline(run->place->try_out(run), kLimit + seconds{60}, "dry run");
  } catch (const boost::system::system_error&) {  // the server stops
  }
  end(run, outcome);
}

void DryRuns::end(Shared run, const Result<>& outcome) {
  run->finished_at = now();
  run->state = run->cancel_asked ? DryRun::State::cancelled
               : outcome         ? DryRun::State::passed
                                 : DryRun::State::failed;
  if (run->state == DryRun::State::failed) run->cause = cause_of(outcome.error());
  run->turn.reset();
  around_.changed(run->target);
}

Task<> DryRuns::watch(Shared run) {
  while (run->state == DryRun::State::running) {
    co_await sleep_for(kTick);
    const bool deploy = conductor_->active(run->target) || !conductor_->queued(run->target).empty();
    std::string why;
    if (deploy)
      why = "it made way for a deploy";
    else if (Clock::now() - run->looked_at > kUnattended)
      why = "nobody looked at it any more";
    if (!why.empty()) (void)cancel(run->target, run->id, why);
    // A run that had not begun when it was cancelled hears of it here.
    if (run->cancel_asked && run->state == DryRun::State::running) run->place->cancel_try_out(run->target);
  }
}

DryRuns::Shared DryRuns::find(const Target& target, const std::string& id) const {
  for (const Shared& r : runs_)
    if (r->id == id && r->target == target) return r;
  return nullptr;
}

Result<std::shared_ptr<const DryRun>> DryRuns::look(const Target& target, const std::string& id) {
  Shared run = find(target, id);
  if (!run)
    return fail(
        ErrorCode::not_found, target.str(), fmt::format("there is no dry run '{}'", shorten(id, 40)),
        "dry runs are kept in memory: a restart forgets them all, and newer ones the old; run it again");
  run->looked_at = Clock::now();
  return run;
}

Result<> DryRuns::cancel(const Target& target, const std::string& id, const std::string& why) {
  if (auto there = look(target, id); !there) return fail(there.error());
  Shared run = find(target, id);
  if (run->state != DryRun::State::running)
    return fail(ErrorCode::conflict, target.str(), "the dry run has ended");
  if (run->cancel_asked) return {};
  run->cancel_asked = true;
  run->note = why;
  run->place->cancel_try_out(target);
  around_.changed(target);
  return {};
}

Task<Result<std::string>> DryRuns::log(Target target, std::string id) const {
  Shared run = find(target, id);
  if (!run) co_return fail(ErrorCode::not_found, target.str(), "there is no such dry run");
  if (!run->report) co_return fail(ErrorCode::not_found, target.str(), "a dry run on pods has no log");
  if (run->state != DryRun::State::running) co_return run->log;
  co_return co_await run->place->try_out_log(target);
}

void DryRuns::forget_old() {
  for (auto it = runs_.begin(); runs_.size() > kKept && it != runs_.end();)
    it = (*it)->state == DryRun::State::running ? std::next(it) : runs_.erase(it);
}

}  // namespace lemmy::deploy
