#pragma once
// How callers of /hooks prove themselves: by an HMAC-SHA256 or a bearer token. docs/configuration.md has
// examples of each.
#include "access/access.h"

namespace lemmy::access {

struct HookKey {
  std::string name;
  std::string secret;      // the HMAC key; empty: signs nothing
  std::string token_hash;  // empty: no bearer token
  std::vector<std::string> projects;
  std::string file;                                    // that the secret was read from; empty: none
  std::chrono::steady_clock::time_point read_at = {};  // of keep_secrets: when it was last seen there
  config::Signs sign = config::Signs::body;            // the least that must be signed
};

struct HookKeys {
  std::vector<HookKey> keys;
  std::vector<Error> problems;  // secrets that cannot be read; the others work
};
using Environment = std::function<const char*(const char*)>;  // as std::getenv
using Files = std::function<Result<std::string>(const std::string&)>;
Result<std::string> read_secret_file(const std::string& file);
// Reads secret files (one trailing line end is dropped) and environment variables. Blocks as `files` does.
HookKeys read_hook_keys(const config::Access& access, const Environment& getenv,
                        const Files& files = read_secret_file);
// A hook whose secret file cannot be read in `now` keeps the secret that `before` has from the same file, if
// it was seen there at most `longest` before `at`; the problem stays.
void keep_secrets(HookKeys& now, const HookKeys& before, const config::Access& access, milliseconds longest,
                  std::chrono::steady_clock::time_point at);

struct HookRequest {
  std::string_view body;
  std::string_view signature;      // X-Lemmy-Signature: sha256=<64 hex> or v2=<64 hex>
  std::string_view timestamp;      // X-Lemmy-Timestamp: seconds since 1970
  std::string_view authorization;  // Authorization: Bearer <token>
  std::string_view delivery = "";  // X-Lemmy-Delivery
  std::string_view path = "";      // decoded, without the query
  bool has_query = false;          // no signature covers it
};

struct HookCaller {
  std::string name;
  std::vector<std::string> projects;  // empty: all
  bool may_touch(std::string_view project) const;
};

inline constexpr seconds kReplayWindow{300};

// Errors: unauthorized, which says what is missing or wrong but never what would have been right.
Result<HookCaller> verify_hook(const std::vector<HookKey>& keys, const HookRequest& request, Time now);

// What a caller sends: "sha256=..." over the body, or over "timestamp.body".
std::string sign_hook(std::string_view secret, std::string_view body, std::string_view timestamp = "");
// "v2=..." over "timestamp.delivery.path.body": nothing of it can be sent again as something else.
std::string sign_hook_call(std::string_view secret, std::string_view body, std::string_view timestamp,
                           std::string_view delivery, std::string_view path);

}  // namespace lemmy::access
