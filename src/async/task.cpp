#include "async/task.h"

#include <map>
#include <mutex>

#include "base/log.h"

namespace lemmy {
namespace {

// Of the process: what a coroutine uses may be owned by anything.
struct Running {
  std::mutex mutex;
  std::map<uint64_t, std::string> names;
  uint64_t next = 0;
};
Running& running() {
  static Running* all = new Running;  // outlives everything
  return *all;
}

// Goes with the coroutine's frame, however that ends.
class Known {
 public:
  explicit Known(std::string name) {
    std::lock_guard lock(running().mutex);
    id_ = running().next++;
    running().names.emplace(id_, std::move(name));
  }
  ~Known() {
    std::lock_guard lock(running().mutex);
    running().names.erase(id_);
  }
  Known(const Known&) = delete;

 private:
  uint64_t id_ = 0;
};

void say(const std::string& name, const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::operation_aborted) return;
    log::error("a coroutine ended by an exception", {{"coroutine", name}, {"what", e.what()}});
  } catch (const std::exception& e) {
    log::error("a coroutine ended by an exception", {{"coroutine", name}, {"what", e.what()}});
  } catch (...) {
    log::error("a coroutine ended by an exception", {{"coroutine", name}});
  }
}

}  // namespace

Task<> detail::contained(Task<> task) {
  std::exception_ptr error;
  try {
    co_await std::move(task);
  } catch (...) {
    error = std::current_exception();
  }
  co_await asio::this_coro::throw_if_cancelled(false);
  if (error) std::rethrow_exception(error);
}

void spawn(asio::any_io_executor executor, std::string name, Task<> task, asio::cancellation_slot slot,
           std::function<void(std::exception_ptr)> ended) {
  auto known = std::make_shared<Known>(name);
  auto done = [known, name = std::move(name), ended = std::move(ended)](std::exception_ptr error) {
    if (error) say(name, error);
    if (ended) ended(error);
  };
  if (slot.is_connected())
    asio::co_spawn(executor, detail::contained(std::move(task)),
                   asio::bind_cancellation_slot(slot, std::move(done)));
  else
    asio::co_spawn(executor, detail::contained(std::move(task)), std::move(done));
}

std::vector<std::string> running_coroutines() {
  std::lock_guard lock(running().mutex);
  std::vector<std::string> out;
  for (const auto& [id, name] : running().names) out.push_back(name);
  return out;
}

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
  struct One {
    asio::cancellation_signal stop;
    bool began = false;
  };
  asio::any_io_executor executor;
  std::map<uint64_t, std::shared_ptr<One>> running;
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
  const uint64_t id = state_->next++;
  auto one = std::make_shared<State::One>();
  state_->running[id] = one;
  // Spawned outside the loop it begins later: a cancellation that came before must find it, or end it here.
  auto begin = [](std::shared_ptr<State> state, std::shared_ptr<State::One> one, Task<> task) -> Task<> {
    one->began = true;
    if (!state->cancelled) co_await std::move(task);
  };
  lemmy::spawn(state_->executor, std::move(name), begin(state_, one, std::move(task)), one->stop.slot(),
               [state = state_, one, id](std::exception_ptr) {
                 state->running.erase(id);
                 state->ended->notify();
               });
}

void Group::cancel() {
  state_->cancelled = true;
  auto running = state_->running;
  for (auto& [id, one] : running)
    if (one->began) one->stop.emit(asio::cancellation_type::terminal);
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
