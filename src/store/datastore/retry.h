#pragma once
// Inside room store: when a failed call is tried again, by Google's rules. No I/O.
#include <optional>

#include "async/task.h"
#include "base/time.h"

namespace lemmy::store::datastore {

struct Limits {
  milliseconds call{10'000};      // one HTTP exchange
  milliseconds patience{20'000};  // no new try begins after it
  milliseconds first_wait{25};
  milliseconds longest_wait{2'000};
};

// Of one operation. What failed is told by the code:
//   conflict              ABORTED and what is like it: the whole transaction again
//   unavailable, timeout  UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, no connection: again
//   internal              INTERNAL: once
//   all others            never
// The waits double from first_wait to longest_wait; each is shortened at random by up to a half, so that
// those who met once do not meet again.
class Retry {
 public:
  explicit Retry(Limits limits, Clock::time_point now = Clock::now());
  // How long to wait before the next try; nullopt: give up.
  std::optional<milliseconds> after(const Error& error, Clock::time_point now = Clock::now());
  int tries() const { return tries_; }  // that failed

 private:
  Limits limits_;
  Clock::time_point until_;
  int tries_ = 0, internal_ = 0;
};

// What the caller is told when it was given up: a conflict of transactions is none of the caller's.
Error given_up(Error error, int tries);

}  // namespace lemmy::store::datastore
