#include "async/task.h"

#include <set>

#include "base/log.h"

namespace lemmy {

Task<> sleep_for(std::chrono::milliseconds d) {
  asio::steady_timer timer(co_await asio::this_coro::executor, d);
  co_await timer.async_wait(asio::use_awaitable);
}

Task<bool> cancelled() {
  auto state = co_await asio::this_coro::cancellation_state;
  co_return state.cancelled() != asio::cancellation_type::none;
}

Task<bool> Signal::wait(std::chrono::milliseconds at_most) {
  using namespace asio::experimental::awaitable_operators;
  asio::steady_timer limit(co_await asio::this_coro::executor, at_most);
  auto [order, notified, expired] = co_await asio::experimental::make_parallel_group(
                                        timer_.async_wait(asio::deferred), limit.async_wait(asio::deferred))
                                        .async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  (void)expired;
  (void)notified;
  bool was_cancelled = co_await cancelled();
  if (was_cancelled) throw boost::system::system_error(asio::error::operation_aborted);
  co_return order[0] == 0;
}

struct Group::State {
  asio::any_io_executor executor;
  std::map<uint64_t, std::shared_ptr<asio::cancellation_signal>> running;
  uint64_t next = 0;
  bool cancelled = false;
  std::shared_ptr<Signal> ended;
};

Group::Group(asio::any_io_executor executor) : state_(std::make_shared<State>()) {
  state_->executor = executor;
  state_->ended = std::make_shared<Signal>(executor);
}

void Group::spawn(std::string name, Task<> task) {
  if (state_->cancelled) return;
  uint64_t id = state_->next++;
  auto stop = std::make_shared<asio::cancellation_signal>();
  state_->running[id] = stop;
  asio::co_spawn(
      state_->executor, std::move(task),
      asio::bind_cancellation_slot(
          stop->slot(), [state = state_, stop, id, name = std::move(name)](std::exception_ptr error) {
            state->running.erase(id);
            state->ended->notify();
            if (!error) return;
            try {
              std::rethrow_exception(error);
            } catch (const boost::system::system_error& e) {
              if (e.code() == asio::error::operation_aborted) return;
              log::error("a coroutine ended by an exception", {{"coroutine", name}, {"what", e.what()}});
            } catch (const std::exception& e) {
              log::error("a coroutine ended by an exception", {{"coroutine", name}, {"what", e.what()}});
            }
          }));
}

void Group::cancel() {
  state_->cancelled = true;
  auto running = state_->running;
  for (auto& [id, stop] : running) stop->emit(asio::cancellation_type::terminal);
}

Task<bool> Group::join(std::chrono::milliseconds at_most) {
  auto state = state_;
  auto deadline = Clock::now() + at_most;
  while (!state->running.empty()) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) co_return false;
    co_await state->ended->wait(left);
  }
  co_return true;
}

size_t Group::size() const { return state_->running.size(); }

}  // namespace lemmy
