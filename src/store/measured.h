#pragma once
// A store whose calls are timed: lemmy_store_operation_seconds{op, outcome}. `outcome` is ok or the name of
// the error's code; cut: its caller was cancelled. Time waited in the store's own queues counts.
#include "store/forwarding.h"

namespace lemmy::store {

// Observes at its end, also when the caller's coroutine is cancelled in between.
struct CallTimer {
  const char* op;
  std::string outcome = "cut";
  Clock::time_point began = Clock::now();
  ~CallTimer();
};

class Measured : public Forwarding {
 public:
  using Forwarding::Forwarding;
  using Store::update_deploy;
#define CALL(gives, name, ...)                                                       \
  Task<Result<gives>> name(LEMMY_EACH(LEMMY_DECLARED, __VA_ARGS__)) override {       \
    return timed(#name, Forwarding::name(LEMMY_EACH(LEMMY_HANDED_ON, __VA_ARGS__))); \
  }
#include "store/calls.inc"
#undef CALL

 private:
  template <class T>
  static Task<Result<T>> timed(const char* op, Task<Result<T>> call) {
    CallTimer timer{op};
    auto result = co_await std::move(call);
    timer.outcome = result ? "ok" : std::string(lemmy::name(result.error().code));
    co_return result;
  }
};

}  // namespace lemmy::store
