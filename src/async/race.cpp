#include "async/race.h"

#include <array>

namespace lemmy {

Task<size_t> race(Task<> one, Task<> other) {
  auto executor = co_await asio::this_coro::executor;
  auto [order, error, other_error] =
      co_await asio::experimental::make_parallel_group(
          asio::co_spawn(executor, detail::contained(std::move(one)), asio::deferred),
          asio::co_spawn(executor, detail::contained(std::move(other)), asio::deferred))
          .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  const std::exception_ptr first = order[0] == 0 ? error : other_error;
  if (first) std::rethrow_exception(first);
  co_return order[0];
}

}  // namespace lemmy
