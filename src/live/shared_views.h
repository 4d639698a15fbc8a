#pragma once
// What many viewers of the same thing are shown, made once for all of them. Loop thread only.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "async/task.h"

namespace lemmy::live {

template <class T>
class SharedViews {
 public:
  struct View {
    uint64_t version = 0;
    std::shared_ptr<T> value;
  };
  // At most once every `pace` for a key.
  SharedViews(asio::any_io_executor loop, std::chrono::milliseconds pace) : loop_(loop), pace_(pace) {}

  // The newest one, at least as new as version() when called. However many ask, one makes it. An error is
  // given to all who ask within a second.
  Task<Result<View>> get(std::string key, std::function<uint64_t()> version,
                         std::function<Task<Result<T>>()> make);
  size_t size() const { return entries_.size(); }

 private:
  static constexpr size_t kMostEntries = 256;
  static constexpr std::chrono::seconds kErrorLasts{1}, kLongestWait{30}, kUnused{30};

  struct Entry {
    explicit Entry(asio::any_io_executor loop) : done(loop) {}
    View view;
    std::optional<Error> error;
    bool busy = false;
    Signal done;
    Clock::time_point made{}, used{};
  };
  struct Release {
    std::shared_ptr<Entry> entry;
    ~Release() {
      entry->busy = false;
      entry->done.notify();
    }
  };
  void forget_old() {
    if (entries_.size() < kMostEntries) return;
    auto now = Clock::now();
    std::erase_if(entries_, [&](const auto& e) { return !e.second->busy && now - e.second->used > kUnused; });
  }

  asio::any_io_executor loop_;
  std::chrono::milliseconds pace_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;
};

template <class T>
Task<Result<typename SharedViews<T>::View>> SharedViews<T>::get(std::string key,
                                                                std::function<uint64_t()> version,
                                                                std::function<Task<Result<T>>()> make) {
  forget_old();
  auto& slot = entries_[key];
  if (!slot) slot = std::make_shared<Entry>(loop_);
  const std::shared_ptr<Entry> entry = slot;
  const uint64_t needed = version();

  while (!entry->view.value || entry->view.version < needed) {
    entry->used = Clock::now();
    if (entry->error && Clock::now() - entry->made < kErrorLasts) co_return fail(*entry->error);
    if (entry->busy) {
      co_await entry->done.wait(kLongestWait);
      continue;
    }
    entry->busy = true;
    Release release{entry};
    auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(entry->made + pace_ - Clock::now());
    if (rest.count() > 0) co_await sleep_for(rest);
    const uint64_t seen = version();  // before reading: what changes meanwhile is newer
    auto made = co_await make();
    entry->made = Clock::now();
    entry->error.reset();
    if (!made) {
      entry->error = made.error();
      co_return fail(made.error());
    }
    entry->view = {seen, std::make_shared<T>(std::move(*made))};
  }
  entry->used = Clock::now();
  co_return entry->view;
}

}  // namespace lemmy::live
