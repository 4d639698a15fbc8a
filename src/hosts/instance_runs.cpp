// The run of a batch of instances, from the record before it to the record after it.
#include <fmt/format.h>

#include "base/log.h"
#include "base/strings.h"
#include "deploy/crash_point.h"
#include "deploy/measure.h"
#include "hosts/instances.h"
#include "hosts/place.h"

namespace lemmy::hosts {
namespace {

constexpr milliseconds kFirstWrite{500}, kLastWrite{15'000};

std::string document_of(const std::string& run) { return "log-" + run; }

// Frees what a batch has taken, also when its coroutine is cancelled or its frame is destroyed.
struct GivenBack {
  std::function<void()> give_back;
  ~GivenBack() { give_back(); }
};

}  // namespace

std::shared_ptr<const ansible::Progress> Instances::progress(const Target& target) const {
  auto it = targets_.find(target);
  return it == targets_.end() ? nullptr : it->second->progress;
}

Task<Result<std::string>> Instances::run_log(Target target, std::string run) const {
  auto it = targets_.find(target);
  if (it != targets_.end() && it->second->run == run && around_.runs) {
    auto so_far = co_await around_.runs->log(run_id(target, run), kRunLog);
    // Not found: it ended while it was looked for.
    if (so_far || so_far.error().code != ErrorCode::not_found) co_return so_far;
  }
  co_return co_await around_.store->document(target, deploy_of_run(run), document_of(run));
}

Task<Result<>> Instances::record(std::vector<Instance> instances) {
  if (instances.empty()) co_return Result<>{};
  const Target about = instances.front().target;  // all are of one
  auto noted = co_await around_.store->record_instances(std::move(instances), fence_);
  if (!noted && noted.error().code == ErrorCode::forbidden && lost_) lost_();
  if (noted)
    deploy::crash_point();
  else
    log::warning(
        "what became of instances could not be written",
        {{"project", about.project}, {"environment", about.environment}, {"what", noted.error().str()}});
  co_return noted;
}

Task<> Instances::record_surely(std::vector<Instance> instances) {
  for (milliseconds wait = kFirstWrite;; wait = std::min(wait * 2, kLastWrite)) {
    auto noted = co_await record(instances);
    if (noted || stopping_ || !leading_) co_return;
    co_await sleep_for(wait);
  }
}

Task<milliseconds> Instances::run(Target target, Desired desired, ansible::Plan plan,
                                  std::vector<Instance> batch) {
  const std::string run = run_name(desired.deploy, now());
  plan.id = run_id(target, run);
  auto turn = conductor_.take_hosts(target, plan.id);
  if (!turn) co_return kNever;  // a deploy came meanwhile
  state(target);
  auto of_target = targets_[target];
  TargetState& s = *of_target;
  s.run = run;
  s.progress = std::make_shared<ansible::Progress>();
  std::vector<std::string> hosts;
  for (const Instance& i : batch) hosts.push_back(i.result.host);
  std::ranges::sort(hosts);
  hosts.erase(std::unique(hosts.begin(), hosts.end()), hosts.end());
  taken_->hosts.insert(hosts.begin(), hosts.end());
  ++taken_->runs;
  const GivenBack given_back{[taken = taken_, of_target, hosts] {
    for (const std::string& h : hosts) taken->hosts.erase(h);
    --taken->runs;
    of_target->run.clear();
    of_target->progress.reset();
  }};

  for (Instance& i : batch) {
    std::string host = i.result.host;
    i = begun(std::move(i), std::move(host), run, now());
  }
  auto noted = co_await record(batch);
  if (!noted) co_return kStoreDown;
  around_.changed(target);
  log::info("instances get their build", {{"project", target.project},
                                          {"environment", target.environment},
                                          {"build", desired.sha},
                                          {"deploy", std::to_string(desired.deploy)},
                                          {"hosts", std::to_string(hosts.size())},
                                          {"run", run}});
  plan.only = hosts;
  s.progress->expect(hosts);
  auto outcome = co_await around_.runs->run(plan, s.progress, [this, target] { around_.changed(target); });
  auto text = co_await around_.runs->log(plan.id, kRunLog);
  if (text) {
    auto kept = co_await around_.store->put_document(target, desired.deploy, document_of(run), *text);
    if (!kept)
      log::warning("the log of a run is not kept", {{"project", target.project},
                                                    {"environment", target.environment},
                                                    {"build", desired.sha},
                                                    {"deploy", std::to_string(desired.deploy)},
                                                    {"run", run},
                                                    {"what", kept.error().str()}});
  }

  const bool cut = outcome && (outcome->cancelled || outcome->timed_out);
  std::string why = !outcome             ? outcome.error().str()
                    : outcome->timed_out ? why_ended(plan, *outcome, *s.progress)
                    : !outcome->finished ? "ansible-playbook ended before its recap: it was killed"
                                         : s.progress->trouble();
  size_t converged = 0;
  for (Instance& i : batch) {
    auto it = s.progress->hosts().find(i.result.host);
    const ansible::Host* host = it == s.progress->hosts().end() ? nullptr : &it->second;
    const bool decided = host && (host->complete || host->state >= ansible::HostState::failed);
    if (outcome && outcome->cancelled && !decided)
      i = interrupted(std::move(i), now());
    else
      i = ended(std::move(i), host, desired, why, now());
    converged += i.result.state == InstanceState::converged;
  }
  co_await record_surely(batch);
  co_await around_.runs->forget(plan.id);
  deploy::count_run(cut ? "cut" : converged == batch.size() ? "ok" : "failed");
  deploy::count_converged(converged);
  conductor_.hosts_ran(target);
  log::info("instances have their build", {{"project", target.project},
                                           {"environment", target.environment},
                                           {"build", desired.sha},
                                           {"deploy", std::to_string(desired.deploy)},
                                           {"run", run},
                                           {"hosts", std::to_string(converged)},
                                           {"not", std::to_string(batch.size() - converged)}});
  around_.changed(target);
  co_return milliseconds{1};
}

}  // namespace lemmy::hosts
