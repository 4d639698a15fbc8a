// The end of a server: nothing of it writes any more before somebody else may begin.
#include "app/app.h"
#include "base/log.h"
#include "base/strings.h"

namespace lemmy::app {

Task<> App::stop() {
  const auto end = Clock::now() + kStop;
  if (conductor_) conductor_->stand_down();
  if (instances_) instances_->stand_down();
  auto left = [end] {
    return std::max(milliseconds{1}, std::chrono::ceil<milliseconds>(end - Clock::now()));
  };
  group_.cancel();
  if (drifts_) drifts_->stop();
  if (leader_) leader_->stop();
  if (server_) co_await server_->stop(seconds{2});
  auto ended = co_await with_deadline(stop_workers(), left(), "stop");
  // Somebody else may begin at once, but only when nothing of this server can still write.
  if (ended && leader_) co_await with_deadline(leader_->resign(), left(), "lease");
  if (!ended) log::warning("stopped without waiting for all", {{"still", join(running_coroutines(), ", ")}});
  co_await group_.join(std::min(left(), milliseconds{1'000}));
}

// At the same time: each may wait for something that hangs.
Task<Result<>> App::stop_workers() {
  std::vector<Task<>> parts;
  auto add = [&parts](auto* part) {
    if (part) parts.push_back(part->stop());
  };
  add(retention_.get()), add(instances_.get()), add(conductor_.get()), add(clusters_.get());
  co_await all(std::move(parts));
  co_return Result<>{};
}

}  // namespace lemmy::app
