// What in the cluster is not as the deploy that serves was applied.
#include <fmt/format.h>

#include "live/board.h"

namespace lemmy::live {

constexpr seconds kDriftAge{2};
constexpr size_t kDriftsAtOnce = 4, kDriftsKept = 100;

Task<Result<json::object>> Board::drift(Target target) const {
  auto known = from_.conductor->check_known(target);
  if (!known) co_return fail(known.error());
  const Deploy* current = from_.conductor->current(target);
  if (!current) co_return fail(ErrorCode::not_found, target.str(), "nothing serves there");
  const Deploy d = *current;
  if (auto kept = drifts_.find(target);
      kept != drifts_.end() && kept->second.number == d.number && kept->second.until > Clock::now())
    co_return kept->second.found;
  if (*drifts_asked_ >= kDriftsAtOnce)
    co_return fail(ErrorCode::rate_limited, target.str(),
                   fmt::format("clusters are being asked for {} environments already", kDriftsAtOnce),
                   "ask again in some seconds");
  ++*drifts_asked_;
  // The caller may go away while it waits.
  const std::shared_ptr<void> turn(nullptr, [asked = drifts_asked_](void*) { --*asked; });
  const Time at = now();
  auto found = co_await from_.conductor->drift(d);
  if (!found) co_return fail(found.error());
  json::object out{{"project", target.project}, {"environment", target.environment}};
  out["number"] = d.number;
  out["at"] = format_time(at);
  for (auto& [key, value] : *found) out[key] = std::move(value);
  if (drifts_.size() >= kDriftsKept) drifts_.clear();
  drifts_[target] = {d.number, Clock::now() + kDriftAge, out};
  co_return out;
}

}  // namespace lemmy::live
