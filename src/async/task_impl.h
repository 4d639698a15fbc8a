#pragma once
#include <boost/asio/experimental/awaitable_operators.hpp>

#include "async/task.h"

namespace lemmy {

template <class T>
Task<Result<T>> with_deadline(Task<Result<T>> task, std::chrono::milliseconds limit, std::string where) {
  using namespace asio::experimental::awaitable_operators;
  asio::steady_timer timer(co_await asio::this_coro::executor, limit);
  try {
    auto outcome = co_await (std::move(task) || timer.async_wait(asio::use_awaitable));
    if (outcome.index() == 0) co_return std::move(std::get<0>(outcome));
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::operation_aborted)
      co_return fail(ErrorCode::cancelled, std::move(where), "cancelled");
    throw;
  }
  co_return fail(ErrorCode::timeout, std::move(where),
                 "no answer within " + std::to_string(limit.count()) + " ms");
}

}  // namespace lemmy
