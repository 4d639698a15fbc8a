#pragma once
// What many viewers of the same thing are shown: made once for all of them, when it has changed. A viewer
// that is slow gets the newest, never what came between. Loop thread only.
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/time.h"
#include "live/feed.h"

namespace lemmy::live {

// How often a thing that changes is made anew: what changes now and then at once, what never rests once each
// `each`.
struct Pace {
  milliseconds each{100};
  int burst = 8;                  // so many may come sooner than that after a quiet time
  milliseconds gap{2};            // but not sooner than this: changes come together
  milliseconds unchanged = each;  // instead of `each`, after one in which nothing differed
};

template <class T>
class Channels {
 public:
  using Newest = std::shared_ptr<const T>;
  struct Source {
    std::string key;    // of what is shown, and of what decides what may be shown
    std::string topic;  // of the feed: it may have changed when this has
    Pace pace;
    // Makes it anew. `before`, null at first: given back when nothing differs, and then nobody is told.
    std::function<Task<Result<Newest>>(Newest before)> make;
  };

 private:
  struct Channel {
    Channel(asio::any_io_executor loop, Source s) : source(std::move(s)), wake(loop) {}
    Source source;
    Signal wake;  // the topic moved, or a viewer went
    std::vector<Signal*> viewers;
    bool running = false;
    Newest newest;
    uint64_t version = 0;  // of the topic, when it was made last
    uint64_t awaited = 0;  // the newest that a viewer waits for
    std::optional<Error> trouble;
    milliseconds pause{0};             // after trouble, before the next try
    Clock::time_point made{}, left{};  // ended making it; the last viewer went
    Clock::time_point due{};           // when the next one were due if they came evenly
  };

 public:
  // A viewer's end of a channel; the viewer has left when it goes.
  class Watch {
   public:
    Watch() = default;
    Watch(std::shared_ptr<Channel> channel, Signal* news, uint64_t since)
        : channel_(std::move(channel)), news_(news), since_(since) {
      channel_->viewers.push_back(news_);
      channel_->awaited = std::max(channel_->awaited, since_);
    }
    Watch(Watch&& o) noexcept
        : channel_(std::exchange(o.channel_, nullptr)), news_(o.news_), since_(o.since_) {}
    Watch& operator=(Watch&& o) noexcept {
      std::swap(channel_, o.channel_);
      std::swap(news_, o.news_);
      std::swap(since_, o.since_);
      return *this;
    }
    ~Watch() {
      if (!channel_) return;
      channel_->viewers.erase(std::ranges::find(channel_->viewers, news_));
      if (!channel_->viewers.empty()) return;
      channel_->left = Clock::now();
      channel_->wake.notify();
    }
    // Null: none was made yet that is as new as when watching began. An older one would take back what the
    // viewer has seen elsewhere.
    Newest newest() const { return channel_->version >= since_ ? channel_->newest : nullptr; }
    const std::optional<Error>& trouble() const { return channel_->trouble; }  // of the last try

   private:
    std::shared_ptr<Channel> channel_;
    Signal* news_ = nullptr;
    uint64_t since_ = 0;
  };

  Channels(asio::any_io_executor loop, Feed* feed) : loop_(loop), feed_(feed), group_(loop) {}
  ~Channels() { group_.cancel(); }

  // `news` is notified when there is something newer, or other trouble; it outlives the watch. `keep` is what
  // make() works with: it stays while that runs. unavailable: too many things are watched.
  Result<Watch> watch(Source source, Signal* news, std::shared_ptr<void> keep);
  size_t size() const { return channels_.size(); }

 private:
  static constexpr size_t kMost = 1024;
  static constexpr std::chrono::seconds kUnwatched{30};
  static constexpr milliseconds kFirstPause{1'000}, kLongestPause{30'000};

  static Task<> run(std::shared_ptr<Channel> channel, Feed* feed, std::shared_ptr<void> keep);
  static Task<Result<Newest>> make(std::shared_ptr<Channel> channel);
  void forget(Clock::duration unwatched) {
    const auto now = Clock::now();
    std::erase_if(channels_, [&](const auto& entry) {
      const Channel& c = *entry.second;
      return c.viewers.empty() && !c.running && now - c.left > unwatched;
    });
  }

  asio::any_io_executor loop_;
  Feed* feed_;
  std::map<std::string, std::shared_ptr<Channel>> channels_;
  Group group_;
};

template <class T>
Result<typename Channels<T>::Watch> Channels<T>::watch(Source source, Signal* news,
                                                       std::shared_ptr<void> keep) {
  forget(channels_.size() < kMost ? Clock::duration(kUnwatched) : Clock::duration(0));
  auto found = channels_.find(source.key);
  if (found == channels_.end()) {
    if (channels_.size() >= kMost)
      return fail(ErrorCode::unavailable, source.key, "too many different pages are watched",
                  "it is shown, but not kept fresh");
    std::string key = source.key;
    found = channels_.emplace(key, std::make_shared<Channel>(loop_, std::move(source))).first;
  }
  const std::shared_ptr<Channel>& channel = found->second;
  Watch watch(channel, news, feed_->version(channel->source.topic));
  if (!channel->running) {
    channel->running = true;
    group_.spawn("what viewers watch", run(channel, feed_, std::move(keep)));
  }
  return watch;
}

template <class T>
Task<Result<typename Channels<T>::Newest>> Channels<T>::make(std::shared_ptr<Channel> channel) {
  std::string failure;
  try {
    co_return co_await channel->source.make(channel->newest);
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::operation_aborted) throw;
    failure = e.what();
  } catch (const std::exception& e) {
    failure = e.what();
  }
  log::error("what is watched could not be made", {{"key", channel->source.key}, {"what", failure}});
  co_return fail(ErrorCode::internal, channel->source.key, "something went wrong inside Lemmy");
}

template <class T>
Task<> Channels<T>::run(std::shared_ptr<Channel> channel, Feed* feed,
                        [[maybe_unused]] std::shared_ptr<void> keep) {
  struct End {
    Channel& c;
    ~End() { c.running = false; }
  } end{*channel};
  Channel& c = *channel;
  const std::string topic = c.source.topic;
  const Pace pace = c.source.pace;
  auto handle = feed->watch(topic, &c.wake);
  while (!c.viewers.empty()) {
    const auto now = Clock::now();
    Clock::time_point from = Clock::time_point::max();  // when to make it next
    if (feed->version(topic) > c.version)
      from = std::max(c.made + pace.gap, c.due - (pace.burst - 1) * pace.each);
    if (c.trouble) from = std::min(from, c.made + c.pause);
    if (from > now) {
      const auto rest = from == Clock::time_point::max() ? milliseconds{3'600'000}
                                                         : std::chrono::ceil<milliseconds>(from - now);
      co_await c.wake.wait(rest);
      continue;
    }
    c.due = std::max(c.due, now) + pace.each;
    const uint64_t seen = feed->version(topic);  // before reading: what changes meanwhile is newer
    const bool by_itself = seen <= c.version;
    auto made = co_await make(channel);
    c.made = Clock::now();
    bool news = c.awaited > c.version;  // who came since has seen none
    c.version = seen;
    if (made) {
      if (*made == c.newest) c.due -= pace.each - pace.unchanged;
      news = news || *made != c.newest || c.trouble;
      c.newest = std::move(*made);
      c.trouble.reset();
      c.pause = milliseconds{0};
    } else {
      news = news || !c.trouble || *c.trouble != made.error();
      c.trouble = made.error();
      c.pause = by_itself ? std::clamp(c.pause * 2, kFirstPause, kLongestPause) : kFirstPause;
    }
    if (news)
      for (Signal* s : c.viewers) s->notify();
  }
}

}  // namespace lemmy::live
