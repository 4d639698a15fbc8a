#pragma once
// Coroutines on one event-loop thread. Everything below is used on the loop thread only unless it says
// otherwise.
//
// Rules (clang-19): no reference parameters to coroutines that are spawned; no co_await inside a braced
// aggregate or a ternary; every wait has a deadline and a way to be cancelled; nothing blocks the loop
// thread; nobody calls asio::co_spawn but this room (cmake/rooms.cmake refuses it), so that every coroutine
// that was started is known, and none that was abandoned can end the process.
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

// Starts a coroutine that nobody awaits. An exception that leaves it is a defect: it is logged with the name.
// `ended` is called on the loop when it has ended, whatever the way.
void spawn(asio::any_io_executor executor, std::string name, Task<> task, asio::cancellation_slot slot = {},
           std::function<void(std::exception_ptr)> ended = {});
// The names of all that were spawned in this process, by spawn or by a Group, and have not ended. What they
// use must not be destroyed before. Any thread.
std::vector<std::string> running_coroutines();

// Owns spawned coroutines: cancels them all and lets them end before what they use goes away.
class Group {
 public:
  explicit Group(asio::any_io_executor executor);
  void spawn(std::string name, Task<> task);           // as lemmy::spawn; after cancel() nothing is started
  void cancel();                                       // asks all to stop
  Task<bool> join(std::chrono::milliseconds at_most);  // false: some still run
  size_t size() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// The result of `task`, or a timeout error naming `where` when it takes longer than `limit` (it is then
// cancelled). A cancellation from outside becomes an error of code cancelled. It cuts what waits for sockets,
// timers, pools, programs and names; a task that catches its own cancellation is waited for.
template <class T>
Task<Result<T>> with_deadline(Task<Result<T>> task, std::chrono::milliseconds limit, std::string where);

// Runs them at the same time and waits for all; results in their order. The first exception comes out.
template <class T>
Task<std::vector<T>> all(std::vector<Task<T>> tasks);
Task<> all(std::vector<Task<>> tasks);

// Runs it to its end on a loop of its own: for programs that do nothing else. What it throws comes out.
template <class T>
T block_on(Task<T> task);

// True while inside a coroutine that was cancelled: loops check it.
Task<bool> cancelled();

}  // namespace lemmy

#include "async/task_impl.h"
// Pool was here before it had a file of its own, and most who wait also hand work to one.
#include "async/pool.h"
