#pragma once
// Who somebody is and what they may do. Nothing here keeps state or reads the clock: time is passed in.
// Secrets never appear in errors.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"
#include "config/config.h"
#include "domain/deploy.h"

namespace lemmy::access {

using config::Role;

struct Identity {
  enum class Kind { anonymous, user, token };
  std::string name;  // as recorded with what they do; "anonymous" for nobody
  Role role = Role::viewer;
  Kind kind = Kind::anonymous;
  std::vector<std::string> projects;  // empty: all

  bool may(Role needed) const { return role >= needed; }
  bool may_touch(std::string_view project) const;
};

// Somebody who is not signed in: nullopt when they must sign in.
std::optional<Identity> anonymous(const config::Access& access);

// Whether `who` may do what needs `needed` on the target; from deployer upward the environment may ask for
// more. Errors: unauthorized for anonymous ones, else forbidden; both name what is missing.
Result<> check(const Identity& who, Role needed, const config::Config& config, const Target& target);

// --- Passwords: argon2id. Each takes about 0.1 s and 64 MiB: run them on a pool thread. ---

// invalid unless it has 10 to 1024 bytes.
Result<> check_password(std::string_view password);
std::string hash_password(std::string_view password);
bool verify_password(const std::string& hash, std::string_view password);
// Takes the same time whether or not the user exists. Empty: name or password is wrong.
std::optional<Identity> log_in(const config::Access& access, std::string_view name,
                               std::string_view password);

// --- Tokens of the API: "lmy_" and 32 random bytes as hex. Only the hash is kept. ---

struct NewToken {
  std::string token;  // shown once
  std::string hash;   // SHA-256, hex
};
NewToken make_token();
// Looks at every token, so that the time says nothing about which one was near. Empty: unknown or expired.
std::optional<Identity> find_token(const config::Access& access, std::string_view token, Time now);
// "Bearer abc" -> "abc"; empty when it is something else.
std::string_view bearer(std::string_view authorization);

}  // namespace lemmy::access
