#include "base/log.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/printable.h"
#include "base/time.h"

namespace lemmy::log {
namespace {

Level threshold = Level::info;
bool as_json = false;

std::string_view name(Level level) {
  constexpr std::string_view names[] = {"debug", "info", "warning", "error"};
  return names[static_cast<int>(level)];
}

std::string line_of(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (as_json) {
    boost::json::object o{{"time", format_time(now())}, {"level", name(level)}, {"event", event}};
    for (const auto& [key, value] : fields)
      if (!value.empty()) o[key] = value;
    return printable_json(boost::json::serialize(o));
  }
  // Fields hold what strangers sent: it must not steer the terminal that shows it, nor look like another
  // line.
  std::string line = fmt::format("{} {:7} {}", format_time(now()), name(level), printable_line(event));
  for (const auto& [key, value] : fields)
    if (!value.empty()) line += fmt::format("  {}={}", key, printable_line(value));
  return line;
}

// A thread that writes what came since it last wrote: at most once in kPause, so that a busy server wakes it
// seldom.
class Writer {
 public:
  Writer() : thread_([this] { run(); }) {}
  ~Writer() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }
  void add(const std::string& line) {
    bool first;
    {
      std::lock_guard lock(mutex_);
      if (waiting_.size() + line.size() > kMost) {
        ++dropped_;
        return;
      }
      first = waiting_.empty();
      waiting_ += line;
      waiting_ += '\n';
    }
    if (first) wake_.notify_one();
  }

 private:
  static constexpr size_t kMost = 4u << 20;  // bytes that wait while standard error is not read
  static constexpr std::chrono::milliseconds kPause{20};

  void run() {
    for (std::unique_lock lock(mutex_);;) {
      wake_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      std::string text;
      std::swap(text, waiting_);
      if (size_t n = std::exchange(dropped_, 0))
        text += line_of(Level::warning, "log lines were dropped", {{"lines", std::to_string(n)}}) + "\n";
      lock.unlock();
      write_all(text);
      lock.lock();
      wake_.wait_for(lock, kPause, [this] { return stopping_; });
    }
  }
  static void write_all(std::string_view text) {
    while (!text.empty()) {
      ssize_t n = ::write(STDERR_FILENO, text.data(), text.size());
      if (n < 0 && errno == EAGAIN) {
        pollfd ready{STDERR_FILENO, POLLOUT, 0};
        ::poll(&ready, 1, 1000);
      } else if (n < 0 && errno != EINTR) {
        return;
      }
      if (n > 0) text.remove_prefix(static_cast<size_t>(n));
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::string waiting_;
  size_t dropped_ = 0;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses the others
};

std::unique_ptr<Writer> writer;
}  // namespace

void start(Level level, Format format) {
  threshold = level;
  as_json = format == Format::json || (format == Format::automatic && !::isatty(STDERR_FILENO));
  writer = std::make_unique<Writer>();
}

void stop() { writer.reset(); }

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (!writer || level < threshold) return;
  writer->add(line_of(level, event, fields));
}

}  // namespace lemmy::log
