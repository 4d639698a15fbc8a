#include <algorithm>

#include "domain/deploy.h"

namespace lemmy {

static bool any(const std::vector<DeployPlace>& places, auto of, auto is) {
  return std::ranges::find(places, is, of) != places.end();
}

Phase phase_of(const std::vector<DeployPlace>& places) {
  const auto behind = std::ranges::min_element(places, {}, &DeployPlace::phase);
  if (behind == places.end()) return Phase::queued;
  if (!is_finished(behind->phase)) return behind->phase;
  for (Phase p : {Phase::failed, Phase::cancelled, Phase::superseded})
    if (any(places, &DeployPlace::phase, p)) return p;
  return Phase::live;
}

Presence presence_of(const std::vector<DeployPlace>& places) {
  for (Presence p : {Presence::running, Presence::zeroed, Presence::deleted})
    if (any(places, &DeployPlace::presence, p)) return p;
  return Presence::none;
}

DeployPlace& only_place(Deploy& d) {
  if (d.places.empty()) {
    const bool hosts = d.deployer == Deployer::ansible;
    d.places.push_back({hosts ? "hosts" : d.cluster, hosts ? "hosts" : "replication-controller",
                        d.object_name, d.phase, d.presence, d.wanted, d.running, d.cause});
  }
  return d.places.front();
}

void sum_up(Deploy& d) {
  if (d.places.empty()) return;
  d.phase = phase_of(d.places);
  d.presence = presence_of(d.places);
  for (Wanted w : {Wanted::deleted, Wanted::zeroed, Wanted::running})
    if (any(d.places, &DeployPlace::wanted, w)) d.wanted = w;
  d.running = 0;
  d.cause.reset();
  for (const DeployPlace& p : d.places) {
    d.running += p.running;
    if (!d.cause) d.cause = p.cause;
  }
  d.object_name = d.places.front().object;
}

}  // namespace lemmy
