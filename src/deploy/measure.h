#pragma once
// What is counted of deploys for /metrics.
#include "domain/deploy.h"

namespace lemmy::deploy {

// A deploy has left `from`, where it had been since `since`.
void count_phase(Phase from, Time since, const Deploy& now);
// With 0, before there is one: a counter that began with its first failure would not be seen to grow.
void show_verdicts(const std::string& environment);
// Of runs on instances. result: ok, failed or cut.
void count_run(const char* result, double by = 1);
void count_converged(size_t hosts);
void count_unknown(size_t hosts);
void set_waiting(size_t hosts);
void show_run_counters();

}  // namespace lemmy::deploy
