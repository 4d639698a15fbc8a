#pragma once
// How long something has been so, by this process's steady clock: wall clocks are set, step and differ
// between servers. Time in which nobody looked (the process was stopped, the cluster could not be seen)
// counts for no more than a usual look.
#include <algorithm>

#include "async/task.h"

namespace lemmy::deploy {

class Stopwatch {
 public:
  explicit Stopwatch(std::chrono::milliseconds carried = {}) : count_(carried) {}
  // It is still so; `longest`: between two looks.
  void look(Clock::time_point now, std::chrono::milliseconds longest) {
    if (last_)
      count_ += std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(now - *last_),
                           std::chrono::milliseconds{0}, longest);
    last_ = now;
  }
  // As look(), for what must have been so without a break: a gap that is longer than `longest` begins it
  // anew.
  void look_without_gap(Clock::time_point now, std::chrono::milliseconds longest) {
    if (last_ && now - *last_ > longest) reset();
    look(now, longest);
  }
  void pause() { last_.reset(); }  // nobody sees whether it is so
  void reset() { *this = Stopwatch(); }
  std::chrono::milliseconds count() const { return count_; }

 private:
  std::optional<Clock::time_point> last_;
  std::chrono::milliseconds count_;
};

}  // namespace lemmy::deploy
