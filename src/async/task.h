#pragma once
// Coroutines on one event-loop thread. Everything below is used on the loop thread only unless it says
// otherwise.
//
// Rules (clang-19): no reference parameters to coroutines that are spawned; no co_await inside a braced
// aggregate or a ternary; every wait has a deadline and a way to be cancelled; nothing blocks the loop
// thread.
#include <boost/asio.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"

namespace lemmy {

namespace asio = boost::asio;
template <class T = void>
using Task = asio::awaitable<T>;
using Clock = std::chrono::steady_clock;
// Completion token of an operation whose error is to be a value: co_await gives (error_code, results...).
inline constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

// Sleeps; throws boost::system::system_error(operation_aborted) when the surrounding coroutine is cancelled.
Task<> sleep_for(std::chrono::milliseconds d);

// Threads for work that blocks or takes long: rendering, hashing, file trees.
class Pool {
 public:
  explicit Pool(int threads) : pool_(threads) {}
  ~Pool() { pool_.join(); }
  // Runs fn() on a pool thread, then continues the caller on its own executor. fn's exceptions come back
  // here.
  template <class F>
  Task<std::invoke_result_t<F>> run(F fn) {
    co_return co_await asio::co_spawn(
        pool_, [](F f) -> Task<std::invoke_result_t<F>> { co_return f(); }(std::move(fn)),
        asio::use_awaitable);
  }
  asio::thread_pool& executor() { return pool_; }

 private:
  asio::thread_pool pool_;
};

// Many coroutines wait, one call wakes them all. A wake that comes while nobody waits is not remembered:
// compare a version before waiting.
class Signal {
 public:
  explicit Signal(asio::any_io_executor executor) : timer_(executor) {
    timer_.expires_at(Clock::time_point::max());
  }
  void notify() { timer_.cancel(); }
  // True when notified, false when the time ran out. Cancellation throws, as sleep_for.
  Task<bool> wait(std::chrono::milliseconds at_most);

 private:
  asio::steady_timer timer_;
};

// Owns spawned coroutines: cancels them all and lets them end before what they use goes away.
// An exception that leaves a coroutine is a defect: it is logged with the coroutine's name.
class Group {
 public:
  explicit Group(asio::any_io_executor executor);
  void spawn(std::string name, Task<> task);
  void cancel();                                       // asks all to stop
  Task<bool> join(std::chrono::milliseconds at_most);  // false: some still run
  size_t size() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// The result of `task`, or a timeout error naming `where` when it takes longer than `limit` (it is then
// cancelled). A cancellation from outside becomes an error of code cancelled.
template <class T>
Task<Result<T>> with_deadline(Task<Result<T>> task, std::chrono::milliseconds limit, std::string where);

// Runs them at the same time and waits for all; results in their order. The first exception comes out.
template <class T>
Task<std::vector<T>> all(std::vector<Task<T>> tasks);

// True while inside a coroutine that was cancelled: loops check it.
Task<bool> cancelled();

}  // namespace lemmy

#include "async/task_impl.h"
