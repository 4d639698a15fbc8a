#pragma once
// Inside room deploy: what is kept in memory of one target.
#include <tuple>

#include "deploy/conductor.h"
#include "deploy/crash_point.h"

namespace lemmy::deploy {

struct Conductor::TargetState {
  explicit TargetState(asio::any_io_executor loop) : signal(loop) {}
  std::map<int64_t, Deploy> deploys;  // by number
  Signal signal;
  uint64_t version = 0;  // grows with each wake
  bool working = false;
  uint64_t runs_on_hosts = 0;  // on instances, in this server's life
  // What was counted when it was looked how many hosts the serving deploy still has: that deploy, the last
  // later one, and the runs. Empty: not yet.
  std::optional<std::tuple<int64_t, int64_t, uint64_t>> counted = std::nullopt;
  // Pods that come and go: kept also while no worker has anything to do.
  struct Unready {
    Clock::time_point since;  // when no pod of it was
    bool missed = false;      // for so long that others are let in for it
    std::optional<Clock::time_point> ready_since = std::nullopt;
  };
  std::map<int64_t, Unready> unready = {};

  std::vector<Deploy> copy() const {
    std::vector<Deploy> out;
    for (const auto& [number, d] : deploys) out.push_back(d);
    return out;
  }
};

}  // namespace lemmy::deploy
