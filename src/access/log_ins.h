#pragma once
// How often passwords may be tried, so that nobody can guess one, and nobody else can keep a user out. One
// thread. Source of the rules: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
#include <optional>
#include <string>
#include <string_view>

#include "access/rate.h"

namespace lemmy::access {

// A browser in which a user signed in before has a cookie that says so: its value, signed with the server's
// key. Letters, digits, '.' only.
std::string make_device(std::string_view key, std::string_view user);
// Its random part, when it is the user's; nullopt: it is not, or is no such cookie.
std::optional<std::string> known_device(std::string_view key, std::string_view user, std::string_view cookie);

class LogIns {
 public:
  using Clock = RateLimiter::Clock;
  struct Try {
    std::string caller;                 // net::one_caller of the address
    std::string user;                   // as typed, whether there is one or not
    std::optional<std::string> device;  // known_device() of that user
  };
  // Tries a minute of one caller, and wrong ones of one browser that is known. Strangers together may be
  // wrong about one user ten times as often.
  void limit(int per_minute);
  // Before the password is looked at. Zero: go ahead, and it counts, for the caller, and as wrong until it
  // was not: tries that wait for their turn count too. Else how long to wait, and nothing counts. What
  // strangers did does not hold up a browser that the user is known in.
  std::chrono::milliseconds wait(const Try& t, Clock::time_point now);
  void was_not_wrong(const Try& t);  // right, or not looked at

 private:
  RateLimiter callers_{1}, users_{1}, devices_{1};
};

}  // namespace lemmy::access
