#include "hosts/instance_rules.h"

#include <fmt/format.h>

#include <charconv>

#include "base/strings.h"
#include "domain/names.h"

namespace lemmy::hosts {
namespace {

// Counts this attempt; a call that came since the last one begins to count anew.
void attempt(Instance& i) {
  if (i.pending()) i.result.tries = 0;
  ++i.result.tries;
  i.result.answered = i.asked;
}

void again_or_give_up(Instance& i, bool again, Time now, std::string_view patience) {
  if (again) {
    i.result.next_try = now + back_off(i.result.tries, kFirstTry, kLongestTry);
    return;
  }
  i.result.next_try.reset();
  i.result.why += fmt::format("; given up after {}: it is tried again when it calls", patience);
}

std::string of_range(auto range) {
  std::vector<std::string> names;
  for (auto it = range.first; it != range.second && names.size() < 3; ++it) names.push_back(it->second);
  return join(names, ", ");
}

// It has what its target is to have.
void converge(Instance& i, const Desired& desired) {
  i.result.state = InstanceState::converged;
  i.result.sha = desired.sha;
  i.result.deploy = desired.deploy;
  i.result.why.clear();
  i.result.next_try.reset();
}

}  // namespace

std::string run_name(int64_t deploy, Time at) { return fmt::format("{}-{}", deploy, to_millis(at)); }

int64_t deploy_of_run(std::string_view run) {
  int64_t deploy = 0;
  std::from_chars(run.data(), run.data() + run.size(), deploy);
  return deploy;
}

Directory::Directory(std::vector<ansible::InventoryHost> hosts) {
  for (const ansible::InventoryHost& h : hosts) {
    by_id_.emplace(h.name, h.name);
    for (const std::string& id : h.ids)
      if (id != h.name) by_id_.emplace(id, h.name);
    std::vector<std::string> addresses = h.addresses;
    std::ranges::sort(addresses);
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    for (const std::string& a : addresses) by_address_.emplace(a, h.name);
  }
}

Result<std::string> Directory::find(const Instance& i) const {
  auto range = by_id_.equal_range(i.id);
  if (range.first == range.second && !i.address.empty()) range = by_address_.equal_range(i.address);
  if (range.first == range.second)
    return fail(ErrorCode::not_found, i.id,
                fmt::format("no host of {} in the inventory has this instance id{}", i.target.str(),
                            i.address.empty() ? "" : " or the address " + i.address),
                "is it tagged with the groups of the project and the environment?");
  if (std::next(range.first) != range.second)
    return fail(ErrorCode::conflict, i.id, "several hosts of the inventory fit: " + of_range(range),
                "give each host a variable instance_id");
  return range.first->second;
}

bool is_due(const Instance& i, Time now) {
  // A try that is further off than the longest wait was planned by a clock that was set since.
  return i.pending() || i.result.state == InstanceState::running ||
         (i.result.next_try && (*i.result.next_try <= now || *i.result.next_try > now + kLongestTry));
}

Instance begun(Instance i, std::string host, std::string run, Time now) {
  // What was tried before the inventory had it is no run that failed.
  if (i.result.state == InstanceState::unknown) i.result.tries = 0;
  attempt(i);
  i.result.state = InstanceState::running;
  i.result.host = std::move(host);
  i.result.run = std::move(run);
  i.result.run_at = now;
  i.result.next_try.reset();
  i.result.why.clear();
  return i;
}

Instance ended(Instance i, const ansible::Host* host, const Desired& desired, const std::string& why,
               Time now) {
  using ansible::HostState;
  const bool reached = host && host->state > HostState::running;
  if (reached && host->complete) {
    converge(i, desired);
    return i;
  }
  i.result.state = InstanceState::failed;
  if (reached && host->state < HostState::failed) {
    const std::string& more = host->done && !host->message.empty() ? host->message : why;
    i.result.why = "the run ended before all was done on this host" + (more.empty() ? "" : ": " + more);
  } else if (!reached) {
    i.result.why = "the run ended before it came to this host" + (why.empty() ? "" : ": " + why);
  } else {
    const bool unreachable = host->state == HostState::unreachable;
    i.result.why = unreachable ? "the host cannot be reached" : "task '" + host->task + "' failed";
    if (!host->message.empty()) i.result.why += ": " + host->message;
    if (unreachable) {
      again_or_give_up(i, i.result.tries < kGiveUpTries, now, "an hour");
      return i;
    }
  }
  again_or_give_up(i, i.result.tries < kFailures, now, fmt::format("{} runs", i.result.tries));
  return i;
}

Instance not_there(Instance i, const Error& why, Time now) {
  attempt(i);
  i.result.state = InstanceState::unknown;
  i.result.why = why.what + (why.hint.empty() ? "" : " (" + why.hint + ")");
  again_or_give_up(i, i.result.tries < kGiveUpTries, now, "an hour");
  return i;
}

Instance interrupted(Instance i, Time now) {
  i.result.state = InstanceState::waiting;
  i.result.why = "its run was cut short";
  i.result.next_try = now;
  return i;
}

std::optional<Instance> held(Instance i, const Error& why) {
  std::string text = why.what + (why.hint.empty() ? "" : " (" + why.hint + ")");
  if (i.result.why == text && i.result.state != InstanceState::running) return std::nullopt;
  // One that was cut by a restart stays in line.
  if (i.result.state == InstanceState::running) i.result.next_try = i.result.run_at;
  i.result.state = InstanceState::waiting;
  i.result.why = std::move(text);
  return i;
}

InstanceState shown_state(const Instance& i, Time now) {
  const InstanceResult& r = i.result;
  if (i.pending() && r.state != InstanceState::running) return InstanceState::waiting;
  if (r.state == InstanceState::unknown && !r.next_try && now - i.asked_at > kWaitedFor)
    return InstanceState::gone;
  return r.state;
}

std::optional<Instance> let_go(Instance i) {
  if (i.result.state == InstanceState::running) return std::nullopt;
  i.result.state = InstanceState::gone;
  i.result.answered = i.asked;
  i.result.next_try.reset();
  i.result.why.clear();
  return i;
}

bool awaits_run(const Instance& i) {
  const InstanceState state = i.result.state;
  const bool missed = state == InstanceState::waiting || state == InstanceState::unknown;
  return state != InstanceState::running && (i.pending() || (missed && i.result.next_try));
}

std::optional<Instance> after_deploy(Instance i, const std::string& host, const Desired& desired,
                                     const Reached& reached, Time now) {
  const InstanceState state = i.result.state;
  if (awaits_run(i) && i.asked_at < reached.began_at && reached.hosts.contains(host)) {
    i.result.answered = i.asked;
    i.result.host = host;
    i.result.tries = 0;
    converge(i, desired);
    return i;
  }
  const bool had_a_run = state == InstanceState::converged || state == InstanceState::failed;
  const int64_t last = state == InstanceState::failed ? std::max(deploy_of_run(i.result.run), i.result.deploy)
                                                      : i.result.deploy;
  if (!had_a_run || i.pending() || last >= desired.deploy) return std::nullopt;
  if (reached.hosts.contains(i.result.host)) {
    converge(i, desired);
  } else {
    i.result.state = InstanceState::waiting;
    i.result.why = fmt::format("#{} went live without it", desired.deploy);
    i.result.tries = 0;
    i.result.next_try = now;
  }
  return i;
}

std::optional<Instance> after_broken(Instance i, const Deploy& broken, const RunOnHosts& run) {
  const InstanceState state = i.result.state;
  auto touched = run.touched.find(i.result.host);
  if (touched == run.touched.end() || i.pending() || i.result.deploy >= broken.number ||
      (state != InstanceState::converged && state != InstanceState::failed) ||
      (i.result.run_at && run.began_at && *i.result.run_at >= *run.began_at))
    return std::nullopt;
  converge(i, {broken.number, broken.sha});
  if (touched->second) return i;
  i.result.state = InstanceState::failed;
  i.result.sha.clear();
  i.result.why = fmt::format("#{} of build {} ran on it last and was {}: what it has is not known",
                             broken.number, short_sha(broken.sha),
                             broken.phase == Phase::cancelled ? "cancelled" : "not finished there");
  return i;
}

}  // namespace lemmy::hosts
