#include "live/drifts.h"

#include <fmt/format.h>

#include <algorithm>

#include "domain/names.h"

namespace lemmy::live {

constexpr seconds kAge{2};
constexpr milliseconds kBetween{200};
constexpr size_t kAtOnce = 4, kInTurn = 5;

static int64_t things(const json::object& found) {
  return static_cast<int64_t>(found.at("items").as_array().size()) + int_or(found, "left_out");
}

Task<Result<json::object>> Drifts::find(Target target, Deploy d, bool afresh) {
  const Time at = now();
  auto found = co_await from_.conductor->drift(d, afresh);
  if (found) {
    json::object out{{"project", target.project}, {"environment", target.environment}};
    out["number"] = d.number;
    out["at"] = format_time(at);
    for (auto& [key, value] : *found) out[key] = std::move(value);
    found = std::move(out);
  }
  const json::value before = shown(target);
  seen_[target] = {d.number, Clock::now(), found};
  if (before != shown(target)) from_.feed->changed(target);
  co_return found;
}

Task<Result<json::object>> Drifts::ask(Target target) {
  auto known = from_.conductor->check_known(target);
  if (!known) co_return fail(known.error());
  const Deploy* current = from_.conductor->current(target);
  if (!current) co_return fail(ErrorCode::not_found, target.str(), "nothing serves there");
  const Deploy d = *current;
  if (const auto kept = seen_.find(target); kept != seen_.end() && kept->second.number == d.number &&
                                            kept->second.found && Clock::now() - kept->second.looked < kAge)
    co_return kept->second.found;
  if (*asked_ >= kAtOnce)
    co_return fail(ErrorCode::rate_limited, target.str(),
                   fmt::format("clusters are being asked for {} environments already", kAtOnce),
                   "ask again in some seconds");
  ++*asked_;
  // The caller may go away while it waits.
  const std::shared_ptr<void> turn(nullptr, [asked = asked_](void*) { --*asked; });
  co_return co_await find(target, d, true);
}

const kube::Cluster* Drifts::cluster_of(const Deploy& d) const {
  if (d.deployer != Deployer::kubernetes) return nullptr;
  const kube::Cluster* cluster = from_.cluster(d.cluster);
  return cluster && cluster->is_live(d.target.environment) ? cluster : nullptr;
}

// While another deploy is under way, it changes what both of them have.
std::map<std::string, Drifts::Due> Drifts::due() const {
  const auto now = Clock::now();
  std::map<std::string, Due> out;
  for (const Target& target : from_.conductor->targets()) {
    const Deploy* d = from_.conductor->current(target);
    if (!d || from_.conductor->active(target)) continue;
    const kube::Cluster* cluster = cluster_of(*d);
    if (!cluster || looking_->contains(cluster->name())) continue;
    const bool watched = from_.feed->is_watched(target.str());
    if (!watched && !from_.conductor->leading()) continue;
    const Seen* before = seen(target);
    const auto at =
        before ? before->looked + (watched ? from_.every_watched : from_.every) : Clock::time_point{};
    if (at <= now) out[cluster->name()].emplace_back(at, target);
  }
  return out;
}

Task<> Drifts::run() {
  for (;;) {
    co_await sleep_for(from_.tick);
    std::erase_if(seen_, [this](const auto& one) { return !from_.conductor->current(one.first); });
    for (auto& [cluster, targets] : due()) {
      std::ranges::sort(targets);
      if (targets.size() > kInTurn) targets.resize(kInTurn);
      looking_->insert(cluster);
      looks_.spawn("what differs in " + cluster, look(cluster, std::move(targets)));
    }
  }
}

Task<> Drifts::look(std::string cluster, Due targets) {
  const std::shared_ptr<void> turn(nullptr,
                                   [looking = looking_, cluster](void*) { looking->erase(cluster); });
  for (const auto& [at, target] : targets) {
    const Deploy* d = from_.conductor->current(target);
    if (!d || !cluster_of(*d)) continue;
    co_await find(target, *d, false);
    co_await sleep_for(kBetween);
  }
}

const Drifts::Seen* Drifts::seen(const Target& target) const {
  const auto found = seen_.find(target);
  const Deploy* d = from_.conductor->current(target);
  return found != seen_.end() && d && d->number == found->second.number ? &found->second : nullptr;
}

json::value Drifts::shown(const Target& target) const {
  const Seen* one = seen(target);
  if (!one || !cluster_of(*from_.conductor->current(target))) return nullptr;
  json::object out{{"number", one->number}, {"items", json::array{}}, {"left_out", 0}};
  out["complete"] = one->found && bool_or(*one->found, "complete");
  out["unasked"] = json::array{};
  out["error"] = one->found ? "" : one->found.error().str();
  out["text"] = "";
  if (!one->found) return out;
  for (const char* key : {"items", "left_out", "unasked"}) out[key] = one->found->at(key);
  const int64_t n = things(*one->found);
  if (n == 1) out["text"] = fmt::format("One thing of #{} is not as it was applied", one->number);
  if (n > 1) out["text"] = fmt::format("{} things of #{} are not as they were applied", n, one->number);
  return out;
}

json::value Drifts::count(const Target& target) const {
  const Seen* one = seen(target);
  if (!one || !one->found || !cluster_of(*from_.conductor->current(target))) return nullptr;
  return things(*one->found);
}

std::map<std::string, Drifts::Count> Drifts::counts() const {
  std::map<std::string, Count> out;
  for (const Target& target : from_.conductor->targets()) {
    const Deploy* d = from_.conductor->current(target);
    if (!d || d->deployer != Deployer::kubernetes) continue;
    Count& count = out[target.environment];
    const Seen* one = seen(target);
    const bool known = one && one->found && cluster_of(*d);
    if (known && things(*one->found) > 0) ++count.drifted;
    if (!known || !bool_or(*one->found, "complete")) ++count.unknown;
  }
  return out;
}

}  // namespace lemmy::live
