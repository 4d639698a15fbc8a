// Hosts that asked for their build, and what became of it.
#include <fmt/format.h>

#include "base/strings.h"
#include "domain/addresses.h"
#include "domain/names.h"
#include "live/view.h"

namespace lemmy::live {

namespace {

// "in 20 s", "now"; empty: it is not tried again, or not waited for.
std::string next_in(const Instance& i, Time now) {
  const InstanceResult& r = i.result;
  if (!r.next_try || (r.state != InstanceState::unknown && r.state != InstanceState::failed)) return "";
  const auto wait = std::chrono::ceil<seconds>(*r.next_try - now);
  return wait.count() <= 0 ? "now" : "in " + format_duration(wait);
}

std::string instance_words(const Instance& i) {
  const InstanceResult& r = i.result;
  switch (r.state) {
    case InstanceState::running:
      return "a playbook runs on " + r.host;
    case InstanceState::unknown:
      return "not in the inventory";
    case InstanceState::failed:
      return "failed on " + r.host;
    case InstanceState::converged:
      if (!i.pending()) return fmt::format("{} has build {}", r.host, short_sha(r.sha));
      break;
    case InstanceState::waiting:
      break;
    case InstanceState::gone:
      if (!i.pending()) return "let go of";
      break;
  }
  return r.why.empty() ? "asked, is gathered with others" : "waits";
}

}  // namespace

namespace {

constexpr int kCounted = 50'000, kTogether = 1'000;
constexpr seconds kCountsAge{5};
constexpr size_t kCountsKept = 100;

bool is_wanted(const Board::InstancesWanted& wanted, const Instance& i, Time now) {
  if (wanted.may && !wanted.may(i.target.project)) return false;
  const InstanceState state = hosts::shown_state(i, now);
  return wanted.state.empty() ? state != InstanceState::gone : name(state) == wanted.state;
}

}  // namespace

Task<Result<json::object>> Board::count_instances(InstancesWanted wanted) const {
  const std::string key = wanted.project + "/" + wanted.environment;
  KeptCounts all;
  if (const auto kept = counts_.find(key); kept != counts_.end() && kept->second.until > Clock::now()) {
    all = kept->second;
  } else {
    store::Page page{kTogether, ""};
    int read = 0;
    do {
      auto part = co_await from_.store->instances(wanted.project, wanted.environment, page);
      if (!part) co_return fail(part.error());
      for (const Instance& i : part->items)
        ++all.counts[i.target.project][std::string(name(hosts::shown_state(i, now())))];
      page.after = part->next;
      read += kTogether;
    } while (!page.after.empty() && read < kCounted);
    all.until = Clock::now() + kCountsAge;
    if (counts_.size() >= kCountsKept) counts_.clear();
    if (read > kTogether) counts_[key] = all;
  }
  std::map<std::string, int64_t> counts;
  for (const auto& [project, states] : all.counts)
    if (!wanted.may || wanted.may(project))
      for (const auto& [state, n] : states) counts[state] += n;
  json::object out;
  for (const auto& [state, n] : counts) out[state] = n;
  co_return out;
}

Task<Result<json::object>> Board::instances(InstancesWanted wanted) const {
  if (!wanted.state.empty() && !instance_state_from(wanted.state))
    co_return fail(ErrorCode::invalid, "state", "'" + shorten(wanted.state, 40) + "' is no state",
                   "waiting, unknown, running, converged, failed or gone");
  store::Page page = wanted.page;
  std::vector<Instance> found;
  const int limit = std::clamp(page.limit, 1, kTogether);
  for (int n = 0; n < kCounted; n += kTogether) {
    // So many that the last one of the page is the last that is given.
    page.limit = limit - static_cast<int>(found.size());
    auto part = co_await from_.store->instances(wanted.project, wanted.environment, page);
    if (!part) co_return fail(part.error());
    for (Instance& i : part->items)
      if (is_wanted(wanted, i, now())) found.push_back(std::move(i));
    page.after = part->next;
    if (page.after.empty() || static_cast<int>(found.size()) >= limit) break;
  }
  auto counts = co_await count_instances(wanted);
  if (!counts) co_return fail(counts.error());
  json::array list;
  for (const Instance& i : found) {
    json::object o = to_json(i);
    o["shown_state"] = name(hosts::shown_state(i, now()));
    o["age"] = age(i.asked_at);
    o["short_sha"] = short_sha(i.result.sha);
    o["pending"] = i.pending();
    const std::string words = instance_words(i), next = next_in(i, now());
    o["state_text"] = words + (next.empty() ? "" : "; next try " + next);
    o["state_words"] = words;
    o["next_in"] = next;
    std::string task;
    if (i.result.state == InstanceState::running && from_.instances)
      if (auto progress = from_.instances->progress(i.target)) {
        auto host = progress->hosts().find(i.result.host);
        if (host != progress->hosts().end()) task = host->second.task;
      }
    o["task"] = std::move(task);
    o["log"] = i.result.run.empty()
                   ? json::value(nullptr)
                   : json::value(fmt::format("/api/v1/projects/{}/environments/{}/instance-runs/{}/log",
                                             i.target.project, i.target.environment, i.result.run));
    o["deploy_url"] =
        i.result.deploy > 0 ? json::value(deploy_address(i.target, i.result.deploy)) : json::value(nullptr);
    list.push_back(std::move(o));
  }
  json::object out{{"instances", std::move(list)}, {"next", page.after}};
  out["counts"] = std::move(*counts);
  co_return out;
}

Task<Result<std::string>> Board::instance_log(Target target, std::string run) const {
  if (from_.instances) co_return co_await from_.instances->run_log(std::move(target), std::move(run));
  co_return fail(ErrorCode::not_found, run, "there is no such run");
}

}  // namespace lemmy::live
