#include "lead/leader.h"

#include "base/log.h"

namespace lemmy::lead {

constexpr milliseconds kStoreLimit{3'000}, kBeginning{5'000};
constexpr std::string_view kBusy = " (busy)";  // at the end of a lease's holder

static bool says_busy(const store::Lease& lease) { return lease.holder.ends_with(kBusy); }

bool Leader::is_ours(const store::Lease& lease) const {
  return lease.holder == name_ || lease.holder == name_ + std::string(kBusy);
}

bool Leader::late() const {
  return Clock::now() - seen_ > (says_busy(lease_) && !maybe_idle_ ? times_.busy_give_up : times_.give_up);
}

void Leader::lost() { lost_ = true; }

Task<> Leader::run() {
  for (;;) {
    co_await look();
    co_await sleep_for(times_.renew);
  }
}

Task<> Leader::look() {
  if (leading_ && (lost_ || late())) co_await stop_leading();
  if (leading_ && unable_) (void)co_await resign();
  if (leading_)
    co_await renew();
  else if (!stopping_)
    co_await take_over();
}

Task<> Leader::renew() {
  const auto before = Clock::now();
  store::Lease next = lease_;
  next.holder = name_;
  if (duties_.busy && duties_.busy())
    next.holder += kBusy;
  else
    maybe_idle_ = true;
  auto renewed = co_await with_deadline(store_->swap_lease(std::move(next)), kStoreLimit, "the store");
  if (renewed) {
    lease_ = *renewed;
    seen_ = before;
    maybe_idle_ = !says_busy(lease_);
  } else if (renewed.error().code == ErrorCode::conflict) {
    // Another server has it, or a write of ours was kept though its answer was lost.
    auto now = co_await with_deadline(store_->lease(kLease), kStoreLimit, "the store");
    if (now && is_ours(*now) && now->token == lease_.token) {
      lease_ = *now;
      seen_ = before;
      maybe_idle_ = !says_busy(lease_);
    } else if (now) {
      co_await stop_leading();
      lease_ = *now;
      seen_ = Clock::now();
    }
  }
  if (leading_ && late()) co_await stop_leading();
}

Task<> Leader::take_over() {
  auto found = co_await with_deadline(store_->lease(kLease), kStoreLimit, "the store");
  if (!found) co_return;
  if (*found != lease_ || seen_ == Clock::time_point{}) {
    lease_ = *found;
    lease_.name = kLease;
    seen_ = Clock::now();
  }
  const bool free = lease_.holder.empty() || is_ours(lease_);
  const milliseconds patience = says_busy(lease_) ? times_.busy_patience : times_.patience;
  if (!free && Clock::now() - seen_ < patience) co_return;
  store::Lease next = lease_;
  next.holder = name_;
  ++next.token;
  const auto asked = Clock::now();
  auto won = co_await with_deadline(store_->swap_lease(next), kStoreLimit, "the store");
  if (!won) co_return;  // another was faster, or the store is away
  if (stopping_) {      // nobody shall wait until it ends by itself
    store::Lease back = *won;
    back.holder.clear();
    (void)co_await with_deadline(store_->swap_lease(std::move(back)), kStoreLimit, "the store");
    co_return;
  }
  seen_ = asked;
  auto loop = co_await asio::this_coro::executor;
  duty_.emplace(loop);
  begin(*won);
}

void Leader::begin(store::Lease won) {
  lease_ = won;
  lost_ = unable_ = false;
  log::info("this server leads", {{"server", name_}, {"token", std::to_string(won.token)}});
  leading_ = true;
  duty_->spawn("begin to lead", work({kLease, won.token}));
}

// To read the picture may take longer than others wait for a renewal.
Task<> Leader::work(store::Fence fence) {
  auto began = co_await duties_.lead(fence);
  if (began) co_return;
  log::warning("this server cannot lead yet", {{"what", began.error().str()}});
  unable_ = true;
}

Task<> Leader::stop_leading() {
  log::warning("this server does not lead any more", {{"server", name_}});
  leading_ = lost_ = false;
  // What has begun to lead must have ended before it is told to follow.
  if (duty_) {
    duty_->cancel();
    co_await duty_->join(kBeginning);
    duty_.reset();
  }
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

}  // namespace lemmy::lead
