#include "hosts/instances.h"

#include <fmt/format.h>

#include "base/crypto.h"
#include "base/log.h"
#include "deploy/measure.h"
#include "deploy/renew.h"

namespace lemmy::hosts {

constexpr int kPagesOfBuilds = 20;

Instances::Instances(asio::any_io_executor loop, Surroundings surroundings, deploy::Conductor* conductor,
                     std::function<void()> lost)
    : loop_(loop),
      around_(std::move(surroundings)),
      conductor_(*conductor),
      lost_(std::move(lost)),
      group_(loop) {
  deploy::show_run_counters();
}

Instances::~Instances() { group_.cancel(); }

Instances::TargetState& Instances::state(const Target& target) {
  auto& slot = targets_[target];
  if (!slot) slot = std::make_shared<TargetState>(loop_);
  return *slot;
}

Task<Result<>> Instances::lead(store::Fence fence) {
  fence_ = std::move(fence);
  leading_ = true;
  for (auto& [target, s] : targets_) s->looked_after = s->broken_after = -1;
  auto all = co_await unsettled();
  if (!all) co_return fail(all.error());
  for (const Instance& i : *all) wake(i.target);
  co_return Result<>{};
}

Task<Result<>> Instances::refresh() {
  auto all = co_await unsettled();
  if (!all) co_return fail(all.error());
  std::set<Target> targets;
  for (const Instance& i : *all)
    if (is_due(i, now()) && !state(i.target).held && !state(i.target).working) targets.insert(i.target);
  for (const Target& t : targets) called(t);
  co_return Result<>{};
}

Task<> Instances::follow() {
  leading_ = false;
  deploy::set_waiting(0);  // the one that leads says how many
  co_await end_workers();
  deploy::renew(group_, loop_);
}

Task<> Instances::stop() {
  stopping_ = true;
  co_await end_workers();
}

Task<> Instances::end_workers() {
  for (auto& [target, s] : targets_) s->signal.notify();
  if (co_await group_.join(seconds{1})) co_return;
  group_.cancel();
  co_await group_.join(seconds{5});
}

void Instances::called(const Target& target) {
  TargetState& s = state(target);
  // From the first call on: a storm must not put its own run off.
  if (!s.window) s.window = Clock::now() + kWindow;
  wake(target);
}

Task<Result<Instance>> Instances::run_again(Target target, std::string id, std::string who,
                                            std::string from) {
  auto known = co_await around_.store->instance(target, id);
  if (!known) co_return known;
  InstanceCall call{target, id, known->address, "user " + who, now()};
  Delivery d;
  d.hook = "instance";
  d.id = "again-" + random_hex(12);
  d.at = call.at;
  d.from = std::move(from);
  d.caller = who;
  d.project = target.project;
  d.body = json::serialize(json::object{{"instance_id", id}, {"environment", target.environment}});
  d.verdict = "accepted";
  auto kept = co_await around_.store->accept_instance(std::move(d), call);
  if (!kept) co_return fail(kept.error());
  called(target);
  around_.changed(target);
  co_return with_call(*known, call);
}

Task<Result<>> Instances::let_go(Target target, std::string id) {
  auto known = co_await around_.store->instance(target, id);
  if (!known) co_return fail(known.error());
  auto gone = hosts::let_go(*known);
  if (!gone)
    co_return fail(ErrorCode::conflict, id, "a playbook runs on it", "let go of it when that has ended");
  // Whoever leads.
  auto noted =
      co_await around_.store->record_instances({std::move(*gone)}, leading_ ? fence_ : store::Fence{});
  around_.changed(target);
  co_return noted;
}

void Instances::deploys_changed(const Target& target) {
  if (!target.project.empty()) {
    const Deploy* current = conductor_.current(target);
    if (targets_.contains(target) || (current && deploy::traits_of(*current).in_place)) wake(target);
    return;
  }
  std::vector<Target> all;
  for (const auto& [t, s] : targets_) all.push_back(t);
  for (const Target& t : all) wake(t);
}

void Instances::wake(const Target& target) {
  TargetState& s = state(target);
  ++s.version;
  s.held = false;
  s.signal.notify();
  if (s.working || stopping_ || !leading_) return;
  s.working = true;
  group_.spawn("instances of " + target.str(), [](Instances* self, Target t) -> Task<> {
    try {
      co_await self->work(t);
    } catch (...) {
      self->state(t).working = false;
      if (deploy::was_cancelled(std::current_exception()))
        self->wake(t);  // it ended so late that this server leads again
      throw;
    }
    self->state(t).working = false;
  }(this, target));
}

Task<> Instances::work(Target target) {
  TargetState& s = state(target);
  while (!stopping_ && leading_) {
    const uint64_t version = s.version;
    const milliseconds wait = co_await round(target);
    if (s.version != version || wait.count() <= 0) continue;
    if (wait >= kNever) co_return;  // whoever brings news starts this again
    co_await s.signal.wait(wait);
  }
}

Task<Result<std::vector<Instance>>> Instances::unsettled() {
  auto all = co_await around_.store->unsettled_instances();
  if (all) deploy::set_waiting(all->size());
  co_return all;
}

Task<Result<std::vector<Instance>>> Instances::unsettled(Target target) {
  auto all = co_await unsettled();
  if (all) std::erase_if(*all, [&](const Instance& i) { return i.target != target; });
  co_return all;
}

Task<milliseconds> Instances::round(Target target) {
  TargetState& s = state(target);
  if (s.window && Clock::now() < *s.window)
    co_return std::chrono::ceil<milliseconds>(*s.window - Clock::now());
  if (conductor_.active(target) || !conductor_.queued(target).empty()) co_return kNever;

  auto want = co_await desired(target);
  if (want && want->deploy != 0 && s.looked_after != want->deploy) {
    auto looked = co_await look_after_deploy(target, *want);
    if (!looked) co_return kStoreDown;
    s.looked_after = want->deploy;
  }
  Deploy last;
  last.target = target;
  last.deployer = Deployer::ansible;
  if (const Deploy* current = conductor_.current(target)) last = *current;
  for (const Deploy& broken : conductor_.begun_since(last)) {
    if (broken.number <= s.broken_after) continue;
    auto looked = co_await look_after_broken(target, broken);
    if (!looked) co_return kStoreDown;
    s.broken_after = broken.number;
  }
  s.window.reset();  // calls from here on may come too late for this list
  auto list = co_await unsettled(target);
  if (!list) co_return kStoreDown;
  milliseconds next = kNever;
  std::vector<Instance> due;
  for (Instance& i : *list) {
    if (is_due(i, now()))
      due.push_back(std::move(i));
    else if (i.result.next_try)
      next = std::min(next, std::chrono::ceil<milliseconds>(*i.result.next_try - now()));
  }
  if (due.empty()) co_return std::max(next, milliseconds{1});

  if (auto ok = conductor_.check_target(target); !ok) co_return co_await hold(target, due, ok.error());
  if (!want && want.error().code != ErrorCode::not_found) co_return kStoreDown;
  if (!want) co_return co_await hold(target, due, want.error());
  if (taken_->runs >= kRuns) co_return kSoon;

  Deploy of;
  if (const Deploy* current = conductor_.current(target)) of = *current;
  of.target = target;
  if (of.sha != want->sha) {  // no deploy has said what it is made of
    auto build = co_await around_.store->build(target.project, want->sha);
    if (!build) co_return kStoreDown;
    of.sha = build->sha;
    of.branch = build->branch;
    of.image = build->image;
  }
  if (want->deploy == 0) in_places(of, [](DeployPlace& p) { p.phase = Phase::preparing; });
  auto plan = co_await plan_for(around_, of);
  auto hosts = co_await directory(plan);
  std::vector<Instance> batch, missing;
  bool left_out = false;
  for (const Instance& i : due) {
    auto host = hosts ? hosts->find(i) : Result<std::string>(fail(hosts.error()));
    if (!host) {
      missing.push_back(not_there(i, host.error(), now()));
    } else if (batch.size() >= kHosts || taken_->hosts.contains(*host)) {
      left_out = true;
    } else {
      batch.push_back(i);
      batch.back().result.host = *host;
    }
  }
  auto noted = co_await record(missing);
  if (!noted) co_return kStoreDown;
  if (!missing.empty()) {
    deploy::count_unknown(missing.size());
    around_.changed(target);
  }
  if (batch.empty()) co_return left_out ? kSoon : milliseconds{1};
  co_return co_await run(target, *want, std::move(*plan), std::move(batch));
}

Task<milliseconds> Instances::hold(Target target, std::vector<Instance> instances, Error why) {
  std::vector<Instance> news;
  for (Instance& i : instances)
    if (auto h = held(std::move(i), why)) news.push_back(std::move(*h));
  const bool any = !news.empty();
  auto noted = co_await record(std::move(news));
  if (!noted) co_return kStoreDown;
  if (any) around_.changed(target);
  state(target).held = true;
  co_return kNever;
}

Task<Result<Desired>> Instances::desired(Target target) {
  Desired out;
  if (const Deploy* current = conductor_.current(target); current && deploy::traits_of(*current).in_place)
    out = {current->number, current->sha};
  auto config = around_.config();
  const config::Project* p = config->project(target.project);
  if (p && p->boot_newest) {
    const std::string branch = p->boot_branch;
    store::Page page{branch.empty() ? 1 : 100, ""};
    std::string newest;
    for (int n = 0; n < kPagesOfBuilds && newest.empty(); ++n) {
      auto builds = co_await around_.store->builds(target.project, page);
      if (!builds) co_return fail(builds.error());
      for (const Build& b : builds->items)
        if (newest.empty() && (branch.empty() || b.branch == branch)) newest = b.sha;
      page.after = builds->next;
      if (page.after.empty()) break;
    }
    if (!newest.empty()) out.sha = newest;
    if (out.sha.empty() && !branch.empty())
      co_return fail(ErrorCode::not_found, target.str(),
                     "no build of branch " + branch + " was announced yet",
                     "boot_branch of project.yaml names it");
  }
  if (!out.sha.empty()) co_return out;
  co_return fail(ErrorCode::not_found, target.str(), "nothing was deployed to " + target.str() + " yet",
                 "deploy a build: hosts that asked get it then");
}

Task<Result<Directory>> Instances::directory(Result<ansible::Plan> plan) {
  if (!plan) co_return fail(plan.error());
  auto hosts = co_await ansible::inventory_hosts(around_.programs, around_.ansible, std::move(*plan));
  if (!hosts) co_return fail(hosts.error());
  co_return Directory(std::move(*hosts));
}

}  // namespace lemmy::hosts
