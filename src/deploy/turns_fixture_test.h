#pragma once
// For tests of who gets requests: a deploy that went live, and a roll back that takes its place.
#include <gtest/gtest.h>

#include "deploy/machine.h"

namespace lemmy::deploy {

struct Turns : testing::Test {
  Deploy bad = made(2, Phase::live), back = made(3, Phase::rolling_out);
  std::vector<Deploy> others;
  bool quarantine = true;
  Readiness ready;
  Turns() {
    bad.serves = 2;
    bad.serving_since = Time{};
    back.rollback_of = 1;
    back.follows = 2;
  }
  static Deploy made(int64_t number, Phase phase) {
    Deploy d;
    d.number = number;
    d.phase = phase;
    d.presence = Presence::running;
    return d;
  }
  // Who gets which number; 0 lets it in again.
  std::vector<std::pair<int64_t, int64_t>> now() const {
    std::vector<std::pair<int64_t, int64_t>> out;
    std::vector<Deploy> all{bad, back};
    all.insert(all.end(), others.begin(), others.end());
    for (const Turn& t : turns(all, quarantine, ready)) out.emplace_back(t.number, t.out_by);
    return out;
  }
  using Each = std::vector<std::pair<int64_t, int64_t>>;
};

}  // namespace lemmy::deploy
