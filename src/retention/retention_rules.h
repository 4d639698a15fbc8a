#pragma once
// Which deploys and builds a policy lets go. Pure.
#include <set>
#include <vector>

#include "config/config.h"
#include "domain/build.h"
#include "domain/deploy.h"

namespace lemmy::retention {

// What the rules need of a deploy: of one target there may be very many.
struct Past {
  int64_t number = 0, revision = 0;
  Time at{};                // when it was over, else when it was asked for
  bool over = false;        // finished, and nothing of it is in the cluster or wanted there
  bool live = false;        // it went live once
  int64_t rollback_of = 0;  // 0: of none
  std::string sha;
};
Past past(const Deploy& deploy);

// Whether any deploy may go: no limit of deploys is switched off.
bool forgets_deploys(const config::Retention& policy);
bool forgets_builds(const config::Retention& policy);

// Of one target, the newest first. Kept are: the newest so many, those younger than the limit, what is not
// over, the last that went live, and what a kept one is a roll back of. The others, the oldest first.
std::vector<Past> to_forget(const std::vector<Past>& newest_first, const config::Retention& policy, Time now);

// A build at `place` (0: the newest of its project); `used` are the builds of deploys that are there.
bool may_forget(const Build& build, size_t place, const std::set<std::string>& used,
                const config::Retention& policy, Time now);

// An item of the feed, as the store's trim_feed decides. passed: the seq that all consumers have done; last:
// the highest there is.
bool may_trim(int64_t seq, bool old, int64_t passed, int64_t last, int64_t keep);

}  // namespace lemmy::retention
