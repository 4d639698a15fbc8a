#include "live/feed.h"

#include <charconv>

#include "base/crypto.h"

namespace lemmy::live {

Feed::Feed(asio::any_io_executor loop) : loop_(loop), boot_(random_hex(4)) {}

void Feed::bump(const std::string& topic) {
  Topic& t = topics_[topic];
  t.version = version_;
  if (t.signal) t.signal->notify();
}

void Feed::changed(const Target& target) {
  ++version_;
  bump("");
  bump(target.project);
  bump(target.str());
}

void Feed::changed_project(const std::string& project) {
  ++version_;
  bump("");
  bump(project);
}

void Feed::changed_all() {
  all_ = ++version_;
  for (auto& [name, topic] : topics_)
    if (topic.signal) topic.signal->notify();
}

uint64_t Feed::version(const std::string& topic) const {
  auto it = topics_.find(topic);
  return std::max(all_, it == topics_.end() ? 0 : it->second.version);
}

Task<bool> Feed::wait(std::string topic, uint64_t since, milliseconds at_most) {
  const auto deadline = Clock::now() + at_most;
  while (version(topic) <= since) {
    auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) co_return false;
    Topic& t = topics_[topic];
    if (!t.signal) t.signal = std::make_unique<Signal>(loop_);
    co_await t.signal->wait(left);
  }
  co_return true;
}

std::string Feed::id(uint64_t version) const { return boot_ + "-" + std::to_string(version); }

uint64_t Feed::version_of(std::string_view id) const {
  if (!id.starts_with(boot_ + "-")) return 0;
  id.remove_prefix(boot_.size() + 1);
  uint64_t n = 0;
  auto [end, ec] = std::from_chars(id.data(), id.data() + id.size(), n);
  return ec == std::errc() && end == id.data() + id.size() && n <= version_ ? n : 0;
}

}  // namespace lemmy::live
