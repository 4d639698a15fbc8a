#include "access/session.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/crypto.h"
#include "base/files.h"
#include "base/strings.h"

namespace lemmy::access {
namespace {

constexpr size_t kLongestCookie = 1024;

// Role and password hash go into the MAC but not into the cookie: a change of either ends the session.
std::string mac(std::string_view key, std::string_view body, const config::User& user) {
  return to_hex(hmac_sha256(key, fmt::format("session\n{}\n{}\n{}", body, config::name(user.role),
                                             sha256_hex(user.password_hash))));
}

std::string csrf_of(std::string_view key, std::string_view nonce) {
  return to_hex(hmac_sha256(key, fmt::format("csrf\n{}", nonce)));
}

}  // namespace

Result<std::string> server_key(const std::filesystem::path& file) {
  auto text = read_file(file, 1024);
  if (!text && text.error().code == ErrorCode::not_found) {
    std::string key = random_bytes(32);
    if (auto ok = write_file(file, to_hex(key) + "\n", 0600); !ok) return fail(ok.error());
    return key;
  }
  if (!text) return fail(text.error());
  struct stat info;
  if (::stat(file.c_str(), &info) != 0 || (info.st_mode & 077) != 0)
    return fail(ErrorCode::invalid, file.string(), "others may read the server's key",
                "delete it: a new one is made, and everybody signs in again");
  auto key = from_hex(trim(*text));
  if (!key || key->size() != 32)
    return fail(ErrorCode::invalid, file.string(), "the server's key is damaged",
                "delete it: a new one is made, and everybody signs in again");
  return *key;
}

std::string make_session(std::string_view key, const config::User& user, milliseconds lifetime, Time now) {
  std::string body = fmt::format("1.{}.{}.{}.{}", to_hex(user.name), to_millis(now) / 1000,
                                 to_millis(now + lifetime) / 1000, random_hex(16));
  return body + "." + mac(key, body, user);
}

std::optional<Session> open_session(std::string_view key, const config::Access& access,
                                    std::string_view cookie, Time now) {
  if (cookie.size() > kLongestCookie) return std::nullopt;
  auto parts = split(cookie, '.');
  if (parts.size() != 6 || parts[0] != "1") return std::nullopt;
  auto name = from_hex(parts[1]);
  const config::User* user = name ? access.user(*name) : nullptr;
  if (!user || user->password_hash.empty()) return std::nullopt;
  std::string_view body = cookie.substr(0, cookie.rfind('.'));
  if (!constant_time_equal(mac(key, body, *user), parts[5])) return std::nullopt;
  auto issued = parse_unix_time(parts[2]), expires = parse_unix_time(parts[3]);
  if (!issued || !expires || now >= *expires || *issued > now + seconds{60}) return std::nullopt;
  return Session{{user->name, user->role, Identity::Kind::user, {}},
                 csrf_of(key, parts[4]),
                 *expires,
                 sha256_hex(fmt::format("session\n{}", parts[4]))};
}

bool csrf_matches(const Session& session, std::string_view sent) {
  return constant_time_equal(session.csrf, sent);
}

}  // namespace lemmy::access
