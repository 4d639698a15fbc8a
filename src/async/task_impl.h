#pragma once
#include <boost/asio/experimental/parallel_group.hpp>
#include <optional>

#include "async/task.h"

namespace lemmy {

namespace detail {

// Asio's entry point of a coroutine posts once more when the coroutine ended without ever waiting. Cancelled
// by then, that post throws where nobody catches, and the process ends. So every coroutine that is started
// ends with that exception switched off.
template <class T>
Task<T> contained(Task<T> task) {
  std::exception_ptr error;
  std::optional<T> value;
  try {
    value.emplace(co_await std::move(task));
  } catch (...) {
    error = std::current_exception();
  }
  co_await asio::this_coro::throw_if_cancelled(false);
  if (error) std::rethrow_exception(error);
  co_return std::move(*value);
}

Task<> contained(Task<> task);

}  // namespace detail

template <class T>
Task<Result<T>> with_deadline(Task<Result<T>> task, std::chrono::milliseconds limit, std::string where) {
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, limit);
  // Not operator||: its loser ends by an exception, which costs more than all the rest.
  auto [order, error, result, expired] =
      co_await asio::experimental::make_parallel_group(
          asio::co_spawn(executor, detail::contained(std::move(task)), asio::deferred),
          timer.async_wait(asio::deferred))
          .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  if (order[0] == 0) {
    if (!error) co_return std::move(result);
    try {
      std::rethrow_exception(error);
    } catch (const boost::system::system_error& e) {
      if (e.code() != asio::error::operation_aborted) throw;
    }
  } else if (!expired) {
    co_return fail(ErrorCode::timeout, std::move(where),
                   "no answer within " + std::to_string(limit.count()) + " ms");
  }
  co_return fail(ErrorCode::cancelled, std::move(where), "cancelled");
}

template <class T>
T block_on(Task<T> task) {
  asio::io_context loop{1};
  auto result = asio::co_spawn(loop, detail::contained(std::move(task)), asio::use_future);
  loop.run();
  return result.get();
}

template <class T>
Task<std::vector<T>> all(std::vector<Task<T>> tasks) {
  auto executor = co_await asio::this_coro::executor;
  std::vector<decltype(asio::co_spawn(executor, std::move(tasks[0]), asio::deferred))> running;
  if (tasks.empty()) co_return std::vector<T>{};
  for (Task<T>& task : tasks)
    running.push_back(asio::co_spawn(executor, detail::contained(std::move(task)), asio::deferred));
  auto [order, errors, results] = co_await asio::experimental::make_parallel_group(std::move(running))
                                      .async_wait(asio::experimental::wait_for_all(), asio::use_awaitable);
  for (const std::exception_ptr& e : errors)
    if (e) std::rethrow_exception(e);
  co_return std::move(results);
}

inline Task<> all(std::vector<Task<>> tasks) {
  auto with_result = [](Task<> task) -> Task<bool> {
    co_await std::move(task);
    co_return true;
  };
  std::vector<Task<bool>> out;
  for (Task<>& task : tasks) out.push_back(with_result(std::move(task)));
  co_await all(std::move(out));
}

}  // namespace lemmy
