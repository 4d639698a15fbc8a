#pragma once
// How often a key (an address, a user name) may try: a token bucket for each. One thread.
#include <chrono>
#include <list>
#include <string>
#include <unordered_map>

namespace lemmy::access {

class RateLimiter {
 public:
  using Clock = std::chrono::steady_clock;
  // `per_minute` tries at once, refilled evenly over a minute. Of the keys, the `most` used last are kept.
  explicit RateLimiter(int per_minute, size_t most = 10'000);
  // Another limit than before forgets all tries.
  void limit(int per_minute);
  // Zero: go ahead, and this try is counted. Else: how long to wait; this try is not counted.
  std::chrono::milliseconds wait(const std::string& key, Clock::time_point now);
  // The same without counting anything.
  std::chrono::milliseconds look(const std::string& key, Clock::time_point now) const;
  // A try that wait() counted was none.
  void give_back(const std::string& key);
  size_t size() const { return buckets_.size(); }

 private:
  struct Bucket {
    std::string key;
    double tries;
    Clock::time_point at;
  };
  double tries_at(const Bucket& bucket, Clock::time_point now) const;
  std::chrono::milliseconds until_one(double tries) const;

  double most_tries_ = 0;
  double per_second_ = 0;
  size_t most_;
  std::list<Bucket> buckets_;  // the one used last is first
  std::unordered_map<std::string, std::list<Bucket>::iterator> find_;
};

}  // namespace lemmy::access
