#include "store/measured.h"

#include "base/metrics.h"

namespace lemmy::store {

CallTimer::~CallTimer() {
  const std::chrono::duration<double> took = Clock::now() - began;
  metrics::observe("lemmy_store_operation_seconds", "How long calls of the store took, by outcome",
                   {{"op", op}, {"outcome", outcome}}, took.count(), metrics::Buckets::calls);
}

}  // namespace lemmy::store
