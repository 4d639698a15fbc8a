#pragma once
// A store that hands everything to another one: what is to be done around some calls overrides them.
#include "store/store.h"

namespace lemmy::store {

class Forwarding : public Store {
 public:
  explicit Forwarding(std::unique_ptr<Store> to) : to_(std::move(to)) {}

  Sharing sharing() const override { return to_->sharing(); }
  void on_change(std::function<void(Change)> told) override { to_->on_change(std::move(told)); }
  using Store::update_deploy;
#define CALL(gives, name, ...)                                                 \
  Task<Result<gives>> name(LEMMY_EACH(LEMMY_DECLARED, __VA_ARGS__)) override { \
    return to_->name(LEMMY_EACH(LEMMY_HANDED_ON, __VA_ARGS__));                \
  }
#include "store/calls.inc"
#undef CALL

 private:
  std::unique_ptr<Store> to_;
};

}  // namespace lemmy::store
