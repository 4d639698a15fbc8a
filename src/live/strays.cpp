// What carries Lemmy's stamp in a cluster and belongs to no deploy that the store has: after a restore of an
// older store, or made by somebody else.
#include <fmt/format.h>

#include "domain/addresses.h"
#include "live/view.h"

namespace lemmy::live {
namespace {

constexpr size_t kShown = 20;
constexpr seconds kAge{10};

std::string about(const kube::Owned& o, bool known, const Deploy* d) {
  const std::string what = fmt::format("{} {} in {}: ", o.kind, o.name, o.ns);
  const std::string of = fmt::format("deploy #{} of {}", o.owner.deploy, o.owner.target.project);
  if (!known) return what + of + " is not known here";
  if (o.kind == "ReplicaSet" && d && d->presence == Presence::running)
    return what + "the controller of " + of + " is gone, and this keeps its pods";
  if (o.kind != "Pod" && o.kind != "ReplicaSet")
    return what + "it has the labels of " + of + " and is somebody else's";
  if (d && d->presence == Presence::running)
    return what + "the controller of " + of + " is gone, and nothing replaces it when it ends";
  return what + of + " is not there any more, and this runs on: delete it with kubectl";
}

}  // namespace

json::object Board::strays() const {
  if (Clock::now() < strays_until_) return strays_;
  strays_until_ = Clock::now() + kAge;
  // Those of deploys that are known here come first: others may be another server's.
  json::array items, unknown;
  size_t all = 0;
  // The garbage collector takes most of them: those are meant that were there at the last look too.
  const std::set<std::string> before = std::exchange(unowned_, {});
  for (const ClusterState& c : from_.clusters()) {
    if (!c.cluster) continue;
    std::map<std::string, bool> live;  // by namespace
    for (const kube::Owned& o : c.cluster->owned()) {
      if (o.deleting) continue;
      const auto [seen, fresh] = live.emplace(o.ns, false);
      if (fresh) seen->second = c.cluster->is_live(o.ns);
      if (!seen->second) continue;
      const bool known = from_.conductor->may_know(o.owner.target, o.owner.deploy);
      if (known) {
        const Deploy* of = from_.conductor->find(o.owner.target, o.owner.deploy);
        const bool foreign =
            workload_of_kind(o.kind) && of && !of->object_name.empty() && o.name != of->object_name;
        if (o.kind != "Pod" && o.kind != "ReplicaSet" && !foreign) continue;  // its deploy looks after it
        const std::string key = c.name + "/" + o.ns + "/" + o.name;
        unowned_.insert(key);
        if (!before.contains(key)) continue;
      }
      ++all;
      json::array& list = known ? items : unknown;
      if (list.size() == kShown) continue;
      const Deploy* d = known ? from_.conductor->find(o.owner.target, o.owner.deploy) : nullptr;
      std::string text = about(o, known, d);
      list.push_back({{"cluster", c.name},
                      {"kind", o.kind},
                      {"namespace", o.ns},
                      {"name", o.name},
                      {"project", o.owner.target.project},
                      {"number", o.owner.deploy},
                      {"known", known},
                      {"url", known ? deploy_address(o.owner.target, o.owner.deploy) : ""},
                      {"wanted", o.wanted},
                      {"ready", o.ready},
                      {"text", std::move(text)}});
    }
  }
  for (json::value& v : unknown)
    if (items.size() < kShown) items.push_back(std::move(v));
  strays_ = {{"total", all}, {"items", std::move(items)}};
  return strays_;
}

}  // namespace lemmy::live
