#include "live/drifts.h"

#include <fmt/format.h>

#include <algorithm>

#include "domain/addresses.h"
#include "domain/names.h"
#include "pods/place.h"

namespace lemmy::live {

constexpr seconds kAge{2};
constexpr milliseconds kBetween{200};
constexpr size_t kAtOnce = 4, kInTurn = 5;
constexpr size_t kTurns = 60;  // of all that is due

// The ConfigMap that a later deploy wrote anew is for people: pods have the copy of their own.
static bool is_harmless(const json::value& item) {
  const json::object& o = item.as_object();
  return text_or(o, "what") == "other_deploy" && text_or(o, "kind") == "ConfigMap";
}

static json::array items_of(const json::object& found) {
  json::array out;
  for (const json::value& v : found.at("items").as_array())
    if (!is_harmless(v)) out.push_back(v);
  return out;
}

static int64_t things(const json::object& found) {
  return static_cast<int64_t>(items_of(found).size()) + int_or(found, "left_out");
}

static std::string what_to_do(const json::object& found) {
  const json::array& refused = found.at("refused").as_array();
  if (!refused.empty()) {
    const json::object& first = refused.front().as_object();
    return fmt::format("Repair {} {} by hand first: a deploy would be refused as it is ({})",
                       text_or(first, "kind"), text_or(first, "name"), text_or(first, "why"));
  }
  const bool by_others = std::ranges::any_of(found.at("items").as_array(), [](const json::value& v) {
    const std::string_view what = text_or(v.as_object(), "what");
    return what == "deleted" || (what != "other_deploy" && text_or(v.as_object(), "manager") != "lemmy");
  });
  if (!by_others)
    return "A later deploy that does not serve changed what they share: deploy the build again to have it as "
           "it was";
  const bool only_left = std::ranges::all_of(found.at("items").as_array(), [](const json::value& v) {
    return is_harmless(v) || text_or(v.as_object(), "what") == "left";
  });
  if (only_left)
    return "The project has no Service any more, and Lemmy takes none away: delete it when nobody calls it";
  const bool only_added = std::ranges::all_of(found.at("items").as_array(), [](const json::value& v) {
    return is_harmless(v) || text_or(v.as_object(), "what") == "added";
  });
  if (only_added)
    return "Somebody added to it beside Lemmy, and a deploy leaves that there: take it out by hand, or put "
           "it into the configuration";
  return "Somebody changed the cluster beside Lemmy: deploy the build again to have it as it was, or put the "
         "change into the configuration";
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
  const Deploy* serves = from_.conductor->current(target);
  if (!serves || serves->number != d.number || from_.conductor->active(target)) co_return found;
  const json::value before = shown(target);
  const auto now = Clock::now();
  const auto kept = seen_.find(target);
  const bool good = kept != seen_.end() && kept->second.number == d.number && kept->second.found &&
                    now - kept->second.looked < from_.good;
  if (!found && good)
    kept->second.tried = now;
  else
    seen_[target] = {d.number, now, now, found};
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
  return cluster && cluster->is_live(d.target.environment, pods::workload_of(d)) ? cluster : nullptr;
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
    const Seen* before = seen(target);
    const auto at =
        before ? before->tried + (watched ? from_.every_watched : from_.every) : Clock::time_point{};
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
      // Of many targets more in a turn: each is to be looked at before what was seen of it is too old.
      const size_t most = std::max(kInTurn, targets.size() / kTurns);
      if (targets.size() > most) targets.resize(most);
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
    if (!d || !cluster_of(*d) || from_.conductor->active(target)) continue;
    co_await find(target, *d, false);
    if (targets.size() <= kInTurn) co_await sleep_for(kBetween);
  }
}

const Drifts::Seen* Drifts::seen(const Target& target) const {
  const auto found = seen_.find(target);
  const Deploy* d = from_.conductor->current(target);
  const bool good = found != seen_.end() && d && d->number == found->second.number &&
                    Clock::now() - found->second.looked < from_.good && cluster_of(*d);
  return good ? &found->second : nullptr;
}

json::value Drifts::shown(const Target& target) const {
  const Seen* one = seen(target);
  if (!one) return nullptr;
  json::object out{{"number", one->number}, {"items", json::array{}}, {"left_out", 0}};
  out["complete"] = one->found && bool_or(*one->found, "complete");
  out["unasked"] = out["refused"] = json::array{};
  out["error"] = one->found ? "" : one->found.error().str();
  out["text"] = out["hint"] = "";
  out["url"] = deploy_address(target, one->number) + "#drift";
  if (!one->found) return out;
  out["items"] = items_of(*one->found);
  for (const char* key : {"left_out", "unasked", "refused"}) out[key] = one->found->at(key);
  const int64_t n = things(*one->found);
  if (n == 1) out["text"] = fmt::format("One thing of #{} is not as it was applied", one->number);
  if (n > 1) out["text"] = fmt::format("{} things of #{} are not as they were applied", n, one->number);
  if (n > 0) out["hint"] = what_to_do(*one->found);
  return out;
}

json::value Drifts::count(const Target& target) const {
  const Seen* one = seen(target);
  return one && one->found ? json::value(things(*one->found)) : json::value(nullptr);
}

std::map<std::string, Drifts::Count> Drifts::counts() const {
  std::map<std::string, Count> out;
  for (const Target& target : from_.conductor->targets()) {
    const Deploy* d = from_.conductor->current(target);
    if (!d || d->deployer != Deployer::kubernetes) continue;
    Count& count = out[target.environment];
    const Seen* one = seen(target);
    const bool known = one && one->found;
    if (known && things(*one->found) > 0) ++count.drifted;
    if (!known || !bool_or(*one->found, "complete") || !one->found->at("refused").as_array().empty())
      ++count.unknown;
  }
  return out;
}

}  // namespace lemmy::live
