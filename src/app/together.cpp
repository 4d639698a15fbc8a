// Several servers on one store: who leads, and what the others wrote.
#include <unistd.h>

#include "app/app.h"
#include "base/crypto.h"
#include "base/log.h"

namespace lemmy::app {
namespace {

constexpr milliseconds kLook{2'000};      // for what nobody tells of
constexpr milliseconds kLookToo{15'000};  // although it is told: a notice may get lost
constexpr milliseconds kLookAtAll{60'000};
constexpr milliseconds kSessions{5'000};
constexpr size_t kTogether = 50;  // more changes at once: everything is read anew

std::string server_name() {
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  return std::string(host) + "-" + std::to_string(::getpid()) + "-" + random_hex(4);
}

}  // namespace

Task<Result<>> App::begin_to_lead() {
  if (store_->sharing() == store::Sharing::single) co_return co_await lead({});
  news_ = std::make_unique<Signal>(loop_.get_executor());
  leader_ = std::make_unique<lead::Leader>(
      store_.get(), server_name(),
      lead::Leader::Duties{[this](store::Fence fence) { return lead(std::move(fence)); },
                           [this] { return stop_leading(); }, [this] { return runs_ && runs_->any(); }});
  group_.spawn("leader", leader_->run());
  group_.spawn("changes of other servers", follow_store());
  co_return Result<>{};
}

Task<Result<>> App::lead(store::Fence fence) {
  auto began = co_await conductor_->lead(fence);
  if (began) began = co_await instances_->lead(fence);
  if (began) retention_->lead(fence);
  co_return began;
}

Task<> App::stop_leading() {
  // First of all nothing new begins: to wait for one must not give another time.
  conductor_->stand_down();
  instances_->stand_down();
  co_await retention_->follow();
  co_await instances_->follow();
  co_await conductor_->follow();
}

void App::changed_elsewhere(const store::Change& change) {
  changes_.emplace(change.project, change.environment);
  if (news_) news_->notify();
}

// Those of other servers; of one alone, what is over is let go.
Task<> App::follow_ended_sessions() {
  const bool alone = store_->sharing() == store::Sharing::single;
  for (;;) {
    co_await sleep_for(alone ? milliseconds{3'600'000} : kSessions);
    (void)co_await live::in_time(ended_sessions_->read());
  }
}

Task<> App::follow_store() {
  const milliseconds look = store_->sharing() == store::Sharing::told ? kLookToo : kLook;
  auto looked = Clock::now(), looked_at_all = looked;
  for (;;) {
    if (changes_.empty()) co_await news_->wait(look);
    auto changes = std::exchange(changes_, {});
    const auto now = Clock::now();
    const bool all =
        changes.contains({"", ""}) || changes.size() > kTogether || now - looked_at_all > kLookAtAll;
    Result<> read;
    if (all) {
      looked_at_all = looked = now;
      read = co_await conductor_->refresh({});
      feed_->changed_all();
    } else if (now - looked >= look) {
      looked = now;
      read = co_await conductor_->refresh_unsettled();
    }
    for (const auto& [project, environment] : changes) {
      if (all || project.empty()) continue;
      if (environment.empty()) {
        feed_->changed_project(project);
        continue;
      }
      const Target target{project, environment};
      auto one = co_await conductor_->refresh(target);
      if (!one) read = one;
      feed_->changed(target);
    }
    if (read && conductor_->leading()) read = co_await instances_->refresh();
    if (read) continue;
    // What could not be read is read once the store is there again.
    changes_.insert({"", ""});
    co_await sleep_for(kLook);
  }
}

}  // namespace lemmy::app
