#include "access/rate.h"

#include <algorithm>
#include <cmath>

namespace lemmy::access {

RateLimiter::RateLimiter(int per_minute, size_t most) : most_(std::max<size_t>(most, 1)) {
  limit(per_minute);
}

void RateLimiter::limit(int per_minute) {
  const double tries = std::max(per_minute, 1);
  if (tries == most_tries_) return;
  most_tries_ = tries;
  per_second_ = tries / 60;
  buckets_.clear();
  find_.clear();
}

double RateLimiter::tries_at(const Bucket& b, Clock::time_point now) const {
  if (now <= b.at) return b.tries;
  return std::min(most_tries_, b.tries + std::chrono::duration<double>(now - b.at).count() * per_second_);
}

std::chrono::milliseconds RateLimiter::until_one(double tries) const {
  // Sums of fractions end a hair below the whole.
  if (tries >= 1 - 1e-9) return std::chrono::milliseconds{0};
  return std::chrono::milliseconds{static_cast<int64_t>(std::ceil((1 - tries) / per_second_ * 1000 - 1e-6))};
}

std::chrono::milliseconds RateLimiter::look(const std::string& key, Clock::time_point now) const {
  auto it = find_.find(key);
  return it == find_.end() ? std::chrono::milliseconds{0} : until_one(tries_at(*it->second, now));
}

std::chrono::milliseconds RateLimiter::wait(const std::string& key, Clock::time_point now) {
  auto it = find_.find(key);
  if (it == find_.end()) {
    if (buckets_.size() == most_) {
      find_.erase(buckets_.back().key);
      buckets_.pop_back();
    }
    buckets_.push_front({key, most_tries_, now});
    it = find_.emplace(key, buckets_.begin()).first;
  } else {
    buckets_.splice(buckets_.begin(), buckets_, it->second);
  }
  Bucket& b = *it->second;
  b.tries = tries_at(b, now);
  b.at = std::max(b.at, now);
  const auto wait = until_one(b.tries);
  if (wait.count() == 0) b.tries = std::max(0.0, b.tries - 1);
  return wait;
}

void RateLimiter::give_back(const std::string& key) {
  if (auto it = find_.find(key); it != find_.end())
    it->second->tries = std::min(most_tries_, it->second->tries + 1);
}

}  // namespace lemmy::access
