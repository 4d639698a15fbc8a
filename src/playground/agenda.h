#pragma once
// Inside room playground: things to do later, for many thousands of pods on one timer. Loop thread only.
#include <functional>
#include <memory>
#include <queue>

#include "async/task.h"

namespace lemmy::playground {

class Agenda {
 public:
  explicit Agenda(asio::any_io_executor executor);
  ~Agenda();
  // Runs `what` on the loop after `delay`. Nothing runs after stop().
  void after(std::chrono::milliseconds delay, std::function<void()> what);
  void stop();
  size_t size() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace lemmy::playground
