#include "pods/failure.h"
#include "deploy/difference.h"
#include "pods/verdict.h"

#include <fmt/format.h>

#include "live/view.h"
#include "pods/place.h"

namespace lemmy::live {
namespace {

constexpr size_t kRemembered = 100;
constexpr milliseconds kNoProgress{60'000};

bool has_failed(const Deploy& d) {
  return d.phase == Phase::failed || (d.phase == Phase::superseded && d.cause);
}

bool in_trouble(const Deploy& d, const pods::Verdict& v) {
  const bool rolls = d.phase == Phase::rolling_out || d.phase == Phase::settling;
  return rolls && (v.fatal > 0 || (v.cause && now() - d.progress_at.value_or(d.phase_at) >= kNoProgress));
}

}  // namespace

Task<Result<json::object>> Board::failure(Target target, int64_t number) const {
  Deploy d;
  if (const Deploy* known = from_.conductor->find(target, number)) {
    d = *known;  // pages ask each time they are drawn
  } else {
    auto stored = co_await from_.store->deploy(target, number);
    if (!stored) co_return fail(stored.error());
    d = std::move(*stored);
  }
  kube::Cluster* cluster = cluster_of(d);
  auto verdict = [&] {
    return cluster
               ? pods::judge(pods::pods_of(*cluster, {target, number}), cluster->controller({target, number}))
               : pods::Verdict{};
  };
  const bool failed = has_failed(d);
  if (!failed && !in_trouble(d, verdict()))
    co_return fail(ErrorCode::not_found, target.str(),
                   fmt::format("#{} has not failed, and is not in trouble", number));

  json::object out;
  if (failed) {
    auto kept = co_await from_.store->document(target, number, "failure");
    if (!kept && kept.error().code != ErrorCode::not_found) co_return fail(kept.error());
    auto v = kept ? parse_json(*kept, "failure") : json::value();
    if (v && v->is_object()) out = std::move(v->get_object());
  }
  if (out.empty()) {
    auto known = since_.find({target, number});
    if (!failed && known != since_.end()) {
      out = known->second;
    } else {
      auto made = co_await deploy::read_made(from_.store, d);
      if (!made) co_return fail(made.error());
      out = co_await deploy::since_last_good(from_.store, from_.pool, std::move(*made));
      if (since_.size() >= kRemembered) since_.clear();
      if (!failed) since_[{target, number}] = out;
    }
    // No wait from here on: the rest is of one moment.
    const std::string first = d.cause ? d.cause->pod : "";
    json::object pods = pods::pods_now(
        cluster ? pods::pods_of(*cluster, {target, number}) : std::vector<const kube::Pod*>{}, first);
    for (auto& [key, value] : pods) out[key] = std::move(value);
    out["events"] = cluster ? events_json(*cluster, d) : json::array{};
    out["at"] = nullptr;
  }
  out["deploy"] = deploy_json(d);
  out["drift"] = from_.drifts ? from_.drifts->shown(target) : nullptr;
  const std::optional<Cause> cause = d.cause ? d.cause : verdict().cause;
  out["cause"] = cause ? json::value(to_json(*cause)) : json::value(nullptr);
  co_return out;
}

}  // namespace lemmy::live
