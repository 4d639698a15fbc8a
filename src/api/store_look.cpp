#include "api/store_look.h"

#include "api/common.h"

namespace lemmy::api {

constexpr milliseconds kFresh{1'000};

Task<StoreLook::Seen> StoreLook::ask(std::shared_ptr<StoreLook> self) {
  if (self->last_ && (self->looking_ || Clock::now() - self->at_ < kFresh)) co_return *self->last_;
  struct Looking {  // also when whoever asked goes away
    bool& is;
    explicit Looking(bool& at) : is(at) { is = true; }
    ~Looking() { is = false; }
  } looking(self->looking_);
  const auto began = Clock::now();
  auto ok = co_await with_deadline(self->store_->check(), kStoreLimit, "the store");
  self->at_ = Clock::now();
  Seen seen{std::move(ok), self->at_ - began};
  self->last_ = seen;
  co_return seen;
}

}  // namespace lemmy::api
