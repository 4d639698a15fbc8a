#include "store/datastore/retry.h"

#include <fmt/format.h>

#include "base/crypto.h"

namespace lemmy::store::datastore {

Retry::Retry(Limits limits, Clock::time_point now) : limits_(limits), until_(now + limits.patience) {}

std::optional<milliseconds> Retry::after(const Error& error, Clock::time_point now) {
  ++tries_;
  bool again = error.code == ErrorCode::conflict || error.code == ErrorCode::unavailable ||
               error.code == ErrorCode::timeout || (error.code == ErrorCode::internal && ++internal_ == 1);
  if (!again) return std::nullopt;
  auto wait = back_off(tries_, limits_.first_wait, limits_.longest_wait);
  auto random = static_cast<unsigned char>(random_bytes(1)[0]);
  wait -= wait * random / 512;
  if (now + wait >= until_) return std::nullopt;
  return wait;
}

Error given_up(Error e, int tries) {
  if (e.code == ErrorCode::conflict)
    e = {ErrorCode::unavailable, e.where, "several servers write the same at once: " + e.what,
         "try again in a moment"};
  if (tries > 1) e.what += fmt::format(" ({} tries)", tries);
  return e;
}

}  // namespace lemmy::store::datastore
