#include "retention/retention_rules.h"

#include <algorithm>

namespace lemmy::retention {

Past past(const Deploy& d) {
  return {d.number,
          d.revision,
          std::max(d.created_at, d.finished_at.value_or(d.created_at)),
          !unsettled(d),
          d.phase == Phase::live,
          d.rollback_of.value_or(0),
          d.sha};
}

bool forgets_deploys(const config::Retention& p) { return p.deploys && p.deploys_for; }
bool forgets_builds(const config::Retention& p) { return p.builds && p.builds_for; }

std::vector<Past> to_forget(const std::vector<Past>& all, const config::Retention& policy, Time now) {
  if (!forgets_deploys(policy)) return {};
  std::set<int64_t> referred;
  bool had_live = false;
  std::vector<Past> out;
  // A roll back is of an earlier deploy, so what a kept one refers to comes after it.
  for (size_t place = 0; place < all.size(); ++place) {
    const Past& d = all[place];
    const bool last_good = d.live && !had_live;
    had_live = had_live || d.live;
    // The very newest stays whatever the limits: it says which target there is.
    const bool kept = place == 0 || place < static_cast<size_t>(*policy.deploys) ||
                      now - d.at < *policy.deploys_for || !d.over || last_good || referred.contains(d.number);
    if (!kept)
      out.push_back(d);
    else if (d.rollback_of != 0)
      referred.insert(d.rollback_of);
  }
  std::ranges::reverse(out);
  return out;
}

bool may_forget(const Build& b, size_t place, const std::set<std::string>& used,
                const config::Retention& policy, Time now) {
  return forgets_builds(policy) && place > 0 && place >= static_cast<size_t>(*policy.builds) &&
         now - b.pushed_at >= *policy.builds_for && !used.contains(b.sha);
}

bool may_trim(int64_t seq, bool old, int64_t passed, int64_t last, int64_t keep) {
  return seq <= last - std::min(last, keep) || (old && seq <= passed);
}

}  // namespace lemmy::retention
