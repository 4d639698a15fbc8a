#include "deploy/leader.h"

#include "base/log.h"

namespace lemmy::deploy {

constexpr milliseconds kStoreLimit{3'000};

void Leader::lost() { lost_ = true; }

Task<> Leader::run() {
  for (;;) {
    co_await look();
    co_await sleep_for(times_.renew);
  }
}

Task<> Leader::look() {
  const auto before = Clock::now();
  if (leading_ && (lost_ || before - seen_ > times_.give_up)) co_await stop_leading();
  if (leading_) {
    auto renewed = co_await with_deadline(store_->swap_lease(lease_), kStoreLimit, "the store");
    if (renewed) {
      lease_ = *renewed;
      seen_ = before;
    } else if (renewed.error().code == ErrorCode::conflict) {
      // Another server has it, or a write of ours was kept though its answer was lost.
      auto now = co_await with_deadline(store_->lease(kLease), kStoreLimit, "the store");
      if (now && now->holder == name_ && now->token == lease_.token) {
        lease_ = *now;
        seen_ = before;
      } else if (now) {
        co_await stop_leading();
        lease_ = *now;
        seen_ = Clock::now();
      }
    }
    if (leading_ && Clock::now() - seen_ > times_.give_up) co_await stop_leading();
    co_return;
  }
  if (stopping_) co_return;
  auto found = co_await with_deadline(store_->lease(kLease), kStoreLimit, "the store");
  if (!found) co_return;
  if (*found != lease_ || seen_ == Clock::time_point{}) {
    lease_ = *found;
    lease_.name = kLease;
    seen_ = Clock::now();
  }
  const bool free = lease_.holder.empty() || lease_.holder == name_;
  if (!free && Clock::now() - seen_ < times_.patience) co_return;
  store::Lease next = lease_;
  next.holder = name_;
  ++next.token;
  const auto asked = Clock::now();
  auto won = co_await with_deadline(store_->swap_lease(next), kStoreLimit, "the store");
  if (!won) co_return;  // another was faster, or the store is away
  seen_ = asked;
  co_await begin(*won);
}

Task<> Leader::begin(store::Lease won) {
  lease_ = won;
  lost_ = false;
  log::info("this server leads", {{"server", name_}, {"token", std::to_string(won.token)}});
  leading_ = true;
  auto began = co_await duties_.lead({kLease, won.token});
  if (began) co_return;
  log::warning("this server cannot lead yet", {{"what", began.error().str()}});
  (void)co_await resign();
}

Task<> Leader::stop_leading() {
  log::warning("this server does not lead any more", {{"server", name_}});
  leading_ = lost_ = false;
  co_await duties_.follow();
}

Task<Result<>> Leader::resign() {
  if (!leading_) co_return Result<>{};
  co_await stop_leading();
  store::Lease free = lease_;
  free.holder.clear();
  auto given = co_await with_deadline(store_->swap_lease(free), kStoreLimit, "the store");
  if (given) lease_ = *given;
  co_return Result<>{};
}

}  // namespace lemmy::deploy
