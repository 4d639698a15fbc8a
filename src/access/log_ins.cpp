#include "access/log_ins.h"

#include <fmt/format.h>

#include "base/crypto.h"
#include "base/strings.h"

namespace lemmy::access {
namespace {

constexpr int kStrangers = 10;

std::string mac(std::string_view key, std::string_view user, std::string_view random) {
  return to_hex(hmac_sha256(key, fmt::format("device\n{}\n{}", to_hex(user), random)));
}

}  // namespace

std::string make_device(std::string_view key, std::string_view user) {
  const std::string random = random_hex(16);
  return fmt::format("{}.{}", random, mac(key, user, random));
}

std::optional<std::string> known_device(std::string_view key, std::string_view user,
                                        std::string_view cookie) {
  const size_t dot = cookie.find('.');
  if (dot == cookie.npos || cookie.size() > 128) return std::nullopt;
  const std::string_view random = cookie.substr(0, dot);
  if (!constant_time_equal(mac(key, user, random), cookie.substr(dot + 1))) return std::nullopt;
  return std::string(random);
}

void LogIns::limit(int per_minute) {
  callers_.limit(per_minute);
  devices_.limit(per_minute);
  users_.limit(per_minute * kStrangers);
}

std::chrono::milliseconds LogIns::wait(const Try& t, Clock::time_point now) {
  const auto held = t.device ? devices_.look(*t.device, now) : users_.look(t.user, now);
  // The caller's own limit first: who is over it learns nothing of others.
  if (const auto own = callers_.look(t.caller, now); own.count() > 0) return own;
  if (held.count() > 0) return held;
  t.device ? devices_.wait(*t.device, now) : users_.wait(t.user, now);
  return callers_.wait(t.caller, now);
}

void LogIns::was_not_wrong(const Try& t) {
  t.device ? devices_.give_back(*t.device) : users_.give_back(t.user);
}

}  // namespace lemmy::access
