// How a run ends on each host: by the recap, or without one.
#include <algorithm>

#include "ansible/progress.h"
#include "ansible/task_result.h"
#include "base/strings.h"

namespace lemmy::ansible {
namespace {

constexpr size_t kHostName = 256;

// Of hosts on which nothing failed.
constexpr std::string_view kBrokenOff = "Ansible broke the run off here, because of what failed elsewhere";
constexpr std::string_view kNotReached = "the run did not come to this host",
                           kCutHere = "the run ended before all was done on this host";
constexpr std::string_view kNotKnown =
    "it began nothing after another host failed: whether the run came to its end here is not known";

}  // namespace

HostState Progress::by_counts(const Host& h) {
  if (h.unreachable > 0) return HostState::unreachable;
  if (h.failed > 0) return HostState::failed;
  if (h.rescued > 0) return HostState::rescued;
  if (h.changed > 0) return HostState::changed;
  if (h.ok > 0) return HostState::ok;
  if (h.skipped > 0) return HostState::skipped;
  return h.state == HostState::waiting ? HostState::waiting : HostState::running;
}

// The recap is exact: it says how many failures of a host were rescued. Nothing but `always` sections runs
// after one that was not, so the rescued ones are the earlier ones.
void Progress::stats(const json::object& data) {
  auto each = [&](std::string_view key, auto set) {
    for (const auto& [host_name, count] : object_or_empty(data, key))
      if (count.is_int64())
        if (Host* h = host(host_name)) set(*h, static_cast<int>(count.get_int64()));
  };
  for (auto& [key, h] : hosts_) {
    h.ok = h.changed = h.failed = h.skipped = h.rescued = h.ignored = h.unreachable = 0;
  }
  each("ok", [](Host& h, int n) { h.ok = n; });
  each("changed", [](Host& h, int n) { h.changed = n; });
  each("failures", [](Host& h, int n) { h.failed = n; });
  each("skipped", [](Host& h, int n) { h.skipped = n; });
  each("rescued", [](Host& h, int n) { h.rescued = n; });
  each("ignored", [](Host& h, int n) { h.ignored = n; });
  each("dark", [](Host& h, int n) { h.unreachable = n; });
  std::map<std::string_view, int> rescued;
  for (auto& [key, h] : hosts_) {
    h.state = by_counts(h);
    // ignore_unreachable makes each task of a dead host an "ok" that was ignored.
    if (unanswered_.contains(key) && !answered_.contains(key) && h.state < HostState::failed)
      h.state = HostState::unreachable;
    h.done = h.state != HostState::waiting;
    h.working = false;
    if (h.state < HostState::failed) h.message.clear();
    rescued[h.name] = h.rescued;
  }
  for (Candidate& c : candidates_) {
    const Host& h = hosts_.at(c.failure.host);
    if (c.failure.unreachable)
      c.passed = h.unreachable == 0;
    else
      c.passed = h.failed == 0 || rescued[c.failure.host]-- > 0;
  }
  choose_first();
  std::vector<std::string_view> told;
  for (const Candidate& c : candidates_) {  // the first of each host explains it
    if (c.passed || std::ranges::find(told, c.failure.host) != told.end()) continue;
    told.push_back(c.failure.host);
    Host& h = hosts_.at(c.failure.host);
    h.task = c.failure.task;
    h.message = c.failure.message;
  }
  finished_ = true;
  task_.clear();
  decide_complete();
}

void Progress::decide_complete() {
  for (auto& [key, h] : hosts_) {
    if (h.message == kBrokenOff || h.message == kNotKnown) h.message.clear();
    h.complete = h.state > HostState::running && h.state < HostState::failed;
    if (h.state == HostState::waiting || h.state >= HostState::failed) continue;
    const bool off = broken_off_.contains(key);
    const bool doubtful = !told_ && std::ranges::any_of(candidates_, [&](const Candidate& c) {
      return !c.passed && began_[key] < c.at;
    });
    if (!off && !doubtful) continue;
    h.complete = false;
    h.message = off ? kBrokenOff : kNotKnown;
  }
}

void Progress::broken_off(const std::vector<std::string>& names) {
  for (const std::string& name : names) broken_off_.insert(shorten(name, kHostName));
  told_ = true;
  if (finished_) decide_complete();
  ++version_;
}

// A play or a batch came to its end.
void Progress::settle() {
  for (auto& [key, h] : hosts_) h.working = false;
}

void Progress::over() {
  settle();
  for (auto& [key, h] : hosts_) {
    if (h.complete || h.state >= HostState::failed || (finished_ && !h.message.empty())) continue;
    if (!h.meant && h.state == HostState::waiting) continue;
    if (finished_ && h.state != HostState::waiting) continue;
    h.message = h.state == HostState::waiting ? kNotReached : kCutHere;
  }
  ++version_;
}

}  // namespace lemmy::ansible
