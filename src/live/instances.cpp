// Hosts that asked for their build, and what became of it.
#include <fmt/format.h>

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
  }
  return r.why.empty() ? "asked, is gathered with others" : "waits";
}

}  // namespace

Task<Result<json::object>> Board::instances(std::string project, std::string environment,
                                            store::Page page) const {
  auto listing = co_await from_.store->instances(project, environment, page);
  if (!listing) co_return fail(listing.error());
  json::array list;
  std::map<std::string, int64_t> counts;
  for (const Instance& i : listing->items) {
    json::object o = to_json(i);
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
    ++counts[std::string(i.pending() && i.result.state != InstanceState::running
                             ? name(InstanceState::waiting)
                             : name(i.result.state))];
    list.push_back(std::move(o));
  }
  json::object of_state;
  for (const auto& [state, n] : counts) of_state[state] = n;
  co_return json::object{
      {"instances", std::move(list)}, {"next", listing->next}, {"counts", std::move(of_state)}};
}

Task<Result<std::string>> Board::instance_log(Target target, std::string run) const {
  if (from_.instances) co_return co_await from_.instances->run_log(std::move(target), std::move(run));
  co_return fail(ErrorCode::not_found, run, "there is no such run");
}

}  // namespace lemmy::live
