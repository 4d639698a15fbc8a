// What carries Lemmy's stamp in a cluster and belongs to no deploy that the store has: after a restore of an
// older store, or made by somebody else.
#include <fmt/format.h>

#include "live/view.h"

namespace lemmy::live {
namespace {

constexpr size_t kShown = 20;
constexpr seconds kAge{10};

std::string about(const kube::Owned& o, bool unowned) {
  if (unowned)
    return fmt::format("{} {} in {}: its controller is gone, and it runs on: delete it", o.kind, o.name,
                       o.ns);
  return fmt::format("{} {} in {}: deploy #{} of {} is not known here", o.kind, o.name, o.ns, o.owner.deploy,
                     o.owner.target.project);
}

}  // namespace

json::object Board::strays() const {
  if (Clock::now() < strays_until_) return strays_;
  strays_until_ = Clock::now() + kAge;
  json::array items;
  size_t all = 0;
  // The garbage collector takes most of them: those are meant that were there at the last look too.
  const std::set<std::string> before = std::exchange(unowned_, {});
  for (const ClusterState& c : from_.clusters()) {
    if (!c.cluster || !c.cluster->is_live()) continue;
    for (const kube::Owned& o : c.cluster->owned()) {
      if (o.deleting) continue;
      const bool unowned = o.kind == "Pod";
      if (from_.conductor->may_know(o.owner.target, o.owner.deploy)) {
        if (!unowned) continue;
        const std::string key = c.name + "/" + o.ns + "/" + o.name;
        unowned_.insert(key);
        if (!before.contains(key)) continue;
      }
      if (++all > kShown) continue;
      std::string text = about(o, unowned);
      items.push_back({{"cluster", c.name},
                       {"kind", o.kind},
                       {"namespace", o.ns},
                       {"name", o.name},
                       {"project", o.owner.target.project},
                       {"number", o.owner.deploy},
                       {"wanted", o.wanted},
                       {"ready", o.ready},
                       {"text", std::move(text)}});
    }
  }
  strays_ = {{"total", all}, {"items", std::move(items)}};
  return strays_;
}

}  // namespace lemmy::live
