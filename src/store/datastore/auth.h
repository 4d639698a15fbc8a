#pragma once
// Inside room store: who Lemmy is to Google. Secrets never leave this file but in the Authorization header.
#include <functional>
#include <memory>
#include <optional>

#include "net/client.h"

namespace lemmy::store::datastore {

using Env = std::function<const char*(const char*)>;  // getenv, but for tests

struct ServiceAccount {
  std::string email;
  std::string key_id;
  std::string private_key_pem;
  std::string token_uri;
};
// A service account's key file as Google gives it. Errors: invalid, naming what is missing, never its values.
Result<ServiceAccount> parse_service_account(std::string_view text, const std::string& file);
// RFC 7523: what is exchanged for an access token. RS256, good for an hour.
Result<std::string> signed_assertion(const ServiceAccount& account, int64_t unix_seconds);

// Access tokens, fetched when needed, cached, and renewed before they run out. Many callers share one fetch;
// one that fails is not seen while the old token is still good. Loop thread only.
class Tokens {
 public:
  struct Fetched {
    std::string token;
    std::chrono::seconds good_for{0};
  };
  using Fetch = std::function<Task<Result<Fetched>>()>;
  Tokens(asio::any_io_executor loop, Fetch fetch) : fetch_(std::move(fetch)), news_(loop) {}

  Task<Result<std::string>> get();
  void forget(const std::string& token);  // it was refused: fetch another

 private:
  Task<Result<>> renew();
  bool good(Clock::time_point now) const { return !token_.empty() && now < ends_; }

  Fetch fetch_;
  Signal news_;
  bool fetching_ = false;
  std::string token_;
  Clock::time_point ends_{}, renew_at_{};
};

// By GOOGLE_APPLICATION_CREDENTIALS, else from the metadata server (GCE_METADATA_HOST, else
// metadata.google.internal). Reads the file at once, talks to nobody yet.
Result<std::shared_ptr<Tokens>> find_credentials(asio::any_io_executor loop, const Env& env);

}  // namespace lemmy::store::datastore
