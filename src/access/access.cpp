#include "access/access.h"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <stdexcept>

#include "base/crypto.h"
#include "base/strings.h"

namespace lemmy::access {
namespace {

constexpr size_t kLongestPassword = 1024;

// Verified in place of a user that does not exist. Same cost as hash_password; nobody knows what it is of.
const std::string kNobody =
    "$argon2id$v=19$m=65536,t=2,p=1$6ECZPX/E+8P+li2Rxj1Lcw$eoy7bie3X6CgOSq6rtX+dPtrIdENoXqHt8uuu+22YEo";

}  // namespace

bool Identity::may_touch(std::string_view project) const {
  return projects.empty() || std::find(projects.begin(), projects.end(), project) != projects.end();
}

std::optional<Identity> anonymous(const config::Access& access) {
  if (!access.anonymous) return std::nullopt;
  return Identity{"anonymous", *access.anonymous, Identity::Kind::anonymous, {}};
}

Result<> check(const Identity& who, Role needed, const config::Config& config, const Target& target) {
  std::string why = fmt::format("this needs the role {}", config::name(needed));
  const config::Environment* env = config.environment(target.environment);
  if (env && needed >= Role::deployer && env->role > needed) {
    needed = env->role;
    why = fmt::format("environment {} needs the role {}", target.environment, config::name(needed));
  }
  // Nobody knows any more which role it needed.
  if (!env && !target.environment.empty() && needed >= Role::deployer) {
    needed = Role::admin;
    why = fmt::format(
        "environment {} is not in the configuration, and what may run there is for the role admin",
        target.environment);
  }
  if (!who.may(needed)) {
    if (who.kind == Identity::Kind::anonymous)
      return fail(ErrorCode::unauthorized, target.str(), why + ", and nobody is signed in",
                  "sign in, or send a token");
    return fail(ErrorCode::forbidden, target.str(),
                fmt::format("{}, and {} is a {}", why, who.name, config::name(who.role)),
                "ask an admin, who can change access.yaml");
  }
  if (!who.may_touch(target.project))
    return fail(ErrorCode::forbidden, target.str(),
                fmt::format("{} is for other projects: {}", who.name, join(who.projects, ", ")));
  return {};
}

Result<> check_password(std::string_view password) {
  if (password.size() >= 10 && password.size() <= kLongestPassword) return {};
  return fail(ErrorCode::invalid, "password",
              password.size() < 10 ? "the password is too short" : "the password is too long",
              "use at least 10 characters; several words are good");
}

std::string hash_password(std::string_view password) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot start");
  char out[crypto_pwhash_STRBYTES];
  if (crypto_pwhash_str_alg(out, password.data(), password.size(), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                            crypto_pwhash_MEMLIMIT_INTERACTIVE, crypto_pwhash_ALG_ARGON2ID13) != 0)
    throw std::bad_alloc();
  return out;
}

bool verify_password(const std::string& hash, std::string_view password) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot start");
  return password.size() <= kLongestPassword && hash.size() < crypto_pwhash_STRBYTES &&
         crypto_pwhash_str_verify(hash.c_str(), password.data(), password.size()) == 0;
}

std::optional<Identity> log_in(const config::Access& access, std::string_view name,
                               std::string_view password) {
  const config::User* user = access.user(name);
  bool known = user && !user->password_hash.empty();
  bool right = verify_password(known ? user->password_hash : kNobody, password);
  if (!known || !right) return std::nullopt;
  return Identity{user->name, user->role, Identity::Kind::user, {}};
}

NewToken make_token() {
  std::string token = "lmy_" + random_hex(32);
  return {token, sha256_hex(token)};
}

std::optional<Identity> find_token(const config::Access& access, std::string_view token, Time now) {
  const std::string hash = sha256_hex(token);
  const config::Token* found = nullptr;
  for (const config::Token& t : access.tokens)
    if (constant_time_equal(t.hash, hash)) found = &t;
  if (!found || (found->expires && *found->expires <= now)) return std::nullopt;
  return Identity{found->name, found->role, Identity::Kind::token, found->projects};
}

std::string_view bearer(std::string_view authorization) {
  if (authorization.size() < 8 || lower(authorization.substr(0, 7)) != "bearer ") return {};
  return trim(authorization.substr(7));
}

}  // namespace lemmy::access
