#pragma once
// Inside room api: whether the store takes writes, for /readyz and /metrics. Each look is a write, synced to
// the disk, and anybody may ask: so one a second, and who asks meanwhile gets what the last one said. Loop
// thread only.
#include "store/store.h"

namespace lemmy::api {

class StoreLook {
 public:
  struct Seen {
    Result<> ok;
    Clock::duration took{};
  };
  explicit StoreLook(store::Store* store) : store_(store) {}
  static Task<Seen> ask(std::shared_ptr<StoreLook> self);

 private:
  store::Store* store_;
  bool looking_ = false;
  std::optional<Seen> last_;
  Clock::time_point at_{};
};

}  // namespace lemmy::api
