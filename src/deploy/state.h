#pragma once
// Inside room deploy: what is kept in memory of one target.
#include "deploy/conductor.h"

namespace lemmy::deploy {

struct Conductor::TargetState {
  explicit TargetState(asio::any_io_executor loop) : signal(loop) {}
  std::map<int64_t, Deploy> deploys;  // by number
  Signal signal;
  uint64_t version = 0;  // grows with each wake
  bool working = false;

  std::vector<Deploy> copy() const {
    std::vector<Deploy> out;
    for (const auto& [number, d] : deploys) out.push_back(d);
    return out;
  }
};

// Of a deploy's playbook run: the same after a restart.
std::string run_id(const Deploy& deploy);
// What runs a deploy's build on its hosts, with the environment JSON that it was deployed with, or before it
// is prepared, that of now.
Task<Result<ansible::Plan>> plan_for_hosts(Surroundings around, Deploy deploy);
inline constexpr size_t kRunLog = 8u << 20;  // bytes kept of what a run printed: the end

Error project_left(const std::string& project);

// For tests of kill -9: with LEMMY_CRASH_AT=N in the environment the process kills itself at the N-th point.
void crash_point();

}  // namespace lemmy::deploy
