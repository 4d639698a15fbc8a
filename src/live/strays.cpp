// What carries Lemmy's stamp in a cluster and belongs to no deploy that the store has: after a restore of an
// older store, or made by somebody else.
#include <fmt/format.h>

#include "live/view.h"

namespace lemmy::live {
namespace {

constexpr size_t kShown = 20;
constexpr seconds kAge{10};

}  // namespace

json::object Board::strays() const {
  if (Clock::now() < strays_until_) return strays_;
  strays_until_ = Clock::now() + kAge;
  json::array items;
  size_t all = 0;
  for (const ClusterState& c : from_.clusters()) {
    if (!c.cluster || !c.cluster->is_live()) continue;
    for (const kube::Owned& o : c.cluster->owned()) {
      if (o.deleting || from_.conductor->may_know(o.owner.target, o.owner.deploy)) continue;
      if (++all > kShown) continue;
      std::string text = fmt::format("{} {} in {}: deploy #{} of {} is not known here", o.kind, o.name, o.ns,
                                     o.owner.deploy, o.owner.target.project);
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
