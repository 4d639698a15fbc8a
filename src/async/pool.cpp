#include "async/pool.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace lemmy {

struct Pool::State {
  std::mutex mutex;
  std::condition_variable work, ended;
  std::deque<std::function<void()>> queue;
  size_t most = 0, running = 0;
  bool stopping = false;
  std::vector<std::thread> threads;

  void serve() {
    std::unique_lock lock(mutex);
    for (;;) {
      work.wait(lock, [this] { return stopping || !queue.empty(); });
      if (stopping) return;
      auto job = std::move(queue.front());
      queue.pop_front();
      ++running;
      lock.unlock();
      job();  // catches what its work throws
      job = nullptr;
      lock.lock();
      --running;
      ended.notify_all();
    }
  }
};

Pool::Pool(int threads, std::string name, size_t most_waiting)
    : name_(std::move(name)), state_(std::make_shared<State>()) {
  state_->most = most_waiting;
  for (int i = 0; i < threads; ++i) state_->threads.emplace_back([state = state_] { state->serve(); });
}

Pool::~Pool() { stop(std::chrono::hours{24 * 365}); }

bool Pool::post(std::function<void()> work, bool refusable) {
  {
    std::lock_guard lock(state_->mutex);
    if (state_->stopping || (refusable && state_->queue.size() >= state_->most)) return false;
    state_->queue.push_back(std::move(work));
  }
  state_->work.notify_one();
  return true;
}

bool Pool::stop(std::chrono::milliseconds limit) {
  std::deque<std::function<void()>> dropped;  // destroyed without the lock: they own things
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  dropped.swap(state_->queue);
  state_->work.notify_all();
  const bool idle = state_->ended.wait_for(lock, limit, [this] { return state_->running == 0; });
  auto threads = std::move(state_->threads);
  state_->threads.clear();
  lock.unlock();
  for (std::thread& t : threads) idle ? t.join() : t.detach();
  return idle;
}

size_t Pool::waiting() const {
  std::lock_guard lock(state_->mutex);
  return state_->queue.size();
}

}  // namespace lemmy
