#pragma once
// Threads for work that blocks or takes long: rendering, hashing, files. A pool for each kind of work
// (app/bulkheads.h), so that what hangs holds up its own kind only.
#include <optional>
#include <type_traits>

#include "async/task.h"

namespace lemmy {

class Pool {
 public:
  static constexpr size_t kMostWaiting = 1000;

  explicit Pool(int threads, std::string name = "work", size_t most_waiting = kMostWaiting);
  ~Pool();  // stop() without a limit
  Pool(const Pool&) = delete;

  // Runs fn() on a thread, then continues the caller on its own executor. fn's exceptions come back here.
  // Cancelled, the caller goes on at once (an exception, as sleep_for) and the work is abandoned: it ends by
  // itself and its result is thrown away. So fn owns what it uses, or uses what outlives the pool.
  // A function that returns a Result is refused with unavailable when most_waiting others wait before it.
  template <class F>
  Task<std::invoke_result_t<F>> run(F fn);

  // Takes nothing more, drops what has not begun, waits for what runs. False: something still runs after
  // `limit`, and what it uses must not be destroyed.
  bool stop(std::chrono::milliseconds limit);
  size_t waiting() const;  // not begun. Any thread
  const std::string& name() const { return name_; }

 private:
  // False: too many wait, and `refusable`; or the pool has stopped.
  bool post(std::function<void()> work, bool refusable);

  struct State;
  const std::string name_;
  std::shared_ptr<State> state_;
};

namespace detail {

template <class T>
struct IsResult : std::false_type {};
template <class T>
struct IsResult<Result<T>> : std::true_type {};

template <class R>
using Stored = std::conditional_t<std::is_void_v<R>, bool, R>;

template <class R>
struct PoolJob {
  explicit PoolJob(asio::any_io_executor executor) : done(executor, Clock::time_point::max()) {}
  asio::steady_timer done;  // cancelled when it is ready
  std::optional<Stored<R>> value;
  std::exception_ptr error;
  bool ready = false;  // loop thread only
};

}  // namespace detail

template <class F>
Task<std::invoke_result_t<F>> Pool::run(F fn) {
  using R = std::invoke_result_t<F>;
  auto executor = co_await asio::this_coro::executor;
  auto job = std::make_shared<detail::PoolJob<R>>(executor);
  // std::function wants what can be copied.
  auto work = std::make_shared<F>(std::move(fn));
  const bool taken = post(
      [job, executor, work = std::move(work)]() mutable {
        try {
          if constexpr (std::is_void_v<R>) {
            (*work)();
            job->value = true;
          } else {
            job->value.emplace((*work)());
          }
        } catch (...) {
          job->error = std::current_exception();
        }
        work.reset();
        asio::post(executor, [job = std::move(job)] {
          job->ready = true;
          job->done.cancel();
        });
      },
      detail::IsResult<R>::value);
  if constexpr (detail::IsResult<R>::value) {
    if (!taken)
      co_return fail(ErrorCode::unavailable, name_, "too much waits to be done", "try again in a moment");
  } else if (!taken) {
    throw boost::system::system_error(asio::error::operation_aborted);
  }
  while (!job->ready) {
    (void)co_await job->done.async_wait(asio::as_tuple(asio::use_awaitable));
    if (job->ready) break;
    auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none)
      throw boost::system::system_error(asio::error::operation_aborted);
  }
  if (job->error) std::rethrow_exception(job->error);
  if constexpr (!std::is_void_v<R>) co_return std::move(*job->value);
}

}  // namespace lemmy
