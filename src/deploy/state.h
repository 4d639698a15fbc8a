#pragma once
// Inside room deploy: what is kept in memory of one target.
#include "deploy/conductor.h"
#include "deploy/crash_point.h"

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

}  // namespace lemmy::deploy
