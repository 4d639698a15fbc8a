// Which numbers of deploys only the archive knows.
#include "base/log.h"
#include "retention/retention.h"

namespace lemmy::retention {
namespace {

constexpr milliseconds kLook{20};
constexpr const char* kNotRead =
    "the archive is not read yet: numbers of deploys that only it has may be given again";

}  // namespace

Task<> Retention::read_archive() {
  auto found = co_await pool_->run(
      [dir = archive_->dir(), stop = stop_reading_] { return archived_numbers(dir, *stop); });
  if (!found && found.error().code != ErrorCode::cancelled)
    log::warning("the archive cannot be read: numbers of deploys that only it has may be given again",
                 {{"what", found.error().str()}});
  archived_ = found ? std::move(*found) : Numbers{};
}

Task<Result<int64_t>> Retention::archived_number(Target target) {
  const auto began = Clock::now();
  while (archive_ && !archived_) {
    // A disk that hangs must not keep people from deploying for ever.
    if (reads_too_long()) co_return 0;
    if (Clock::now() - began > times_.archive_wait)
      co_return fail(ErrorCode::unavailable, "archive",
                     "it is being read, so that no number that it has is given again",
                     "try again in a moment");
    co_await sleep_for(kLook);
  }
  if (!archived_) co_return 0;
  auto it = archived_->find(target);
  co_return it == archived_->end() ? 0 : it->second;
}

bool Retention::reads_too_long() {
  if (Clock::now() - reading_since_ <= times_.archive_at_most) return false;
  if (!std::exchange(gone_on_, true)) log::warning(kNotRead, {{"archive", archive()}});
  return true;
}

// Beside the rounds: an archive that cannot be read may still be written.
Task<> Retention::raise() {
  for (std::string said;;) {
    auto raised = co_await raise_numbers();
    bool stopped = co_await cancelled();
    if (stopped) co_return;
    if (raised) break;
    numbers_trouble_ = raised.error();
    if (said != raised.error().str())
      log::warning("numbers of the archive are not in the store yet", {{"what", raised.error().str()}});
    said = raised.error().str();
    co_await sleep_for(times_.first);
  }
  numbers_trouble_.reset();
}

// For servers without the archive: they ask the store only.
Task<Result<>> Retention::raise_numbers() {
  while (archive_ && !archived_) {
    if (!numbers_trouble_ && reads_too_long())
      numbers_trouble_ = {ErrorCode::timeout, archive(), kNotRead, "look whether its disk hangs"};
    co_await sleep_for(kLook);
  }
  if (!archived_ || archived_->empty()) co_return Result<>{};
  auto latest = co_await around_.store->latest_deploys();
  if (!latest) co_return fail(latest.error());
  Numbers higher = *archived_;
  for (const Deploy& d : *latest)
    if (auto it = higher.find(d.target); it != higher.end() && it->second <= d.number) higher.erase(it);
  for (const auto& [target, number] : higher) {
    auto raised = co_await around_.store->raise_number(target, number);
    if (!raised) co_return fail(raised.error());
    co_await sleep_for(times_.pause);
  }
  co_return Result<>{};
}

}  // namespace lemmy::retention
