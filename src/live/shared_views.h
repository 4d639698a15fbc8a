#pragma once
// What many viewers of the same thing are shown, made once for all of them. Loop thread only.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "async/task.h"
#include "base/time.h"

namespace lemmy::live {

// How often a thing that changes is shown: what changes now and then at once, what never rests once each
// `each`.
struct Pace {
  milliseconds each{100};
  int burst = 8;         // so many may come sooner than that after a quiet time
  milliseconds gap{10};  // but not sooner than this: changes come together
};

template <class T>
class SharedViews {
 public:
  struct View {
    uint64_t version = 0;
    std::shared_ptr<T> value;
  };
  SharedViews(asio::any_io_executor loop, Pace pace) : loop_(loop), pace_(pace) {}

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
    Clock::time_point due{};  // when the next one were due if they came evenly
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
  Pace pace_;
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
    const auto from = std::max(entry->made + pace_.gap, entry->due - (pace_.burst - 1) * pace_.each);
    auto rest = std::chrono::ceil<milliseconds>(from - Clock::now());
    if (rest.count() > 0) co_await sleep_for(rest);
    entry->due = std::max(entry->due, Clock::now()) + pace_.each;
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
