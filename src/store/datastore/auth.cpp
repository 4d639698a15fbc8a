#include "store/datastore/auth.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/files.h"
#include "base/json.h"
#include "base/strings.h"
#include "base/time.h"

namespace lemmy::store::datastore {
namespace {

constexpr std::chrono::seconds kFetch{10};
constexpr std::string_view kScope = "https://www.googleapis.com/auth/datastore";
constexpr const char* kWhere = "GOOGLE_APPLICATION_CREDENTIALS";

using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
KeyPtr read_key(const std::string& pem) {
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                BIO_free);
  // The empty password: a key that is encrypted must not ask at the terminal.
  return {PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, const_cast<char*>("")), EVP_PKEY_free};
}

// {"access_token": ..., "expires_in": seconds}, of both places.
Result<Tokens::Fetched> read_token(Result<net::ClientResponse> answer, const std::string& where) {
  if (!answer) return fail(answer.error());
  auto v = parse_json(answer->body, where);
  const json::object* o = v ? v->if_object() : nullptr;
  if (answer->status != 200) {
    std::string why = o ? std::string(text_or(*o, "error_description", text_or(*o, "error"))) : "";
    bool later = answer->status >= 500 || answer->status == 429;
    return fail(later ? ErrorCode::unavailable : ErrorCode::rejected, where,
                fmt::format("no access token: HTTP {}{}{}", answer->status, why.empty() ? "" : ", ",
                            shorten(valid_utf8(why), 200)),
                later ? "" : "is the account there, and its key still good?");
  }
  std::string token(o ? text_or(*o, "access_token") : "");
  int64_t seconds = o ? int_or(*o, "expires_in") : 0;
  for (unsigned char c : token)
    if (c <= 0x20 || c >= 0x7f) token.clear();
  if (token.empty() || seconds <= 0)
    return fail(ErrorCode::rejected, where, "the answer has no access token");
  return Tokens::Fetched{std::move(token), std::chrono::seconds(seconds)};
}

Task<Result<Tokens::Fetched>> exchange(std::shared_ptr<net::Client> client, ServiceAccount account) {
  auto assertion = signed_assertion(account, to_millis(now()) / 1000);
  if (!assertion) co_return fail(assertion.error());
  net::ClientRequest r;
  r.method = "POST";
  r.headers.emplace("Content-Type", "application/x-www-form-urlencoded");
  r.body = "grant_type=" + net::percent_encode("urn:ietf:params:oauth:grant-type:jwt-bearer") +
           "&assertion=" + *assertion;
  auto answer = co_await client->send(std::move(r), kFetch, 1 << 20);
  co_return read_token(std::move(answer), account.token_uri);
}

Task<Result<Tokens::Fetched>> ask_metadata(std::shared_ptr<net::Client> client, std::string host) {
  net::ClientRequest r;
  r.target =
      "/computeMetadata/v1/instance/service-accounts/default/token?scopes=" + net::percent_encode(kScope);
  r.headers.emplace("Metadata-Flavor", "Google");
  auto answer = co_await client->send(std::move(r), kFetch, 1 << 20);
  if (!answer)
    co_return fail(
        answer.error().code, "metadata server " + host, answer.error().what,
        "outside of Google Cloud name a service account's key file in GOOGLE_APPLICATION_CREDENTIALS");
  co_return read_token(std::move(answer), "metadata server " + host);
}

}  // namespace

Result<ServiceAccount> parse_service_account(std::string_view text, const std::string& file) {
  auto v = parse_json(text, file);
  if (!v || !v->is_object())
    return fail(ErrorCode::invalid, file, "this is not a JSON key file",
                "make one: gcloud iam service-accounts keys create FILE --iam-account=ACCOUNT");
  const json::object& o = v->get_object();
  std::string type(text_or(o, "type"));
  if (type != "service_account")
    return fail(ErrorCode::invalid, file,
                "credentials of type '" + shorten(valid_utf8(type), 40) + "' cannot be used",
                "use a service account's key file, or the metadata server");
  ServiceAccount a{std::string(text_or(o, "client_email")), std::string(text_or(o, "private_key_id")),
                   std::string(text_or(o, "private_key")), std::string(text_or(o, "token_uri"))};
  for (const auto& [key, value] : {std::pair{"client_email", &a.email},
                                   {"private_key", &a.private_key_pem},
                                   {"token_uri", &a.token_uri}})
    if (value->empty()) return fail(ErrorCode::invalid, file, fmt::format("'{}' is missing", key));
  if (!read_key(a.private_key_pem))
    return fail(ErrorCode::invalid, file, "'private_key' is not a PEM private key");
  return a;
}

Result<std::string> signed_assertion(const ServiceAccount& a, int64_t at) {
  json::object header{{"alg", "RS256"}, {"typ", "JWT"}};
  if (!a.key_id.empty()) header["kid"] = a.key_id;
  json::object claims{
      {"iss", a.email}, {"scope", kScope}, {"aud", a.token_uri}, {"iat", at}, {"exp", at + 3600}};
  std::string out = to_base64url(json::serialize(header)) + "." + to_base64url(json::serialize(claims));
  KeyPtr key = read_key(a.private_key_pem);
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> md(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  size_t size = 0;
  auto* bytes = reinterpret_cast<const unsigned char*>(out.data());
  bool ok = key && EVP_DigestSignInit(md.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
            EVP_DigestSign(md.get(), nullptr, &size, bytes, out.size()) == 1;
  std::string signature(size, '\0');
  ok = ok && EVP_DigestSign(md.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes,
                            out.size()) == 1;
  if (!ok) return fail(ErrorCode::invalid, kWhere, "its private key cannot sign");
  signature.resize(size);
  return out + "." + to_base64url(signature);
}

Task<Result<std::string>> Tokens::get() {
  for (auto now = Clock::now(); !good(now) || now >= renew_at_; now = Clock::now()) {
    if (fetching_) {
      if (good(now)) break;
      bool came = co_await news_.wait(2 * kFetch);
      if (!came) co_return fail(ErrorCode::timeout, "access token", "none came");
      continue;
    }
    auto renewed = co_await renew();
    if (!renewed && !good(Clock::now())) co_return fail(renewed.error());
  }
  co_return token_;
}

Task<Result<>> Tokens::renew() {
  struct Fetching {
    Tokens& t;
    explicit Fetching(Tokens& tokens) : t(tokens) { t.fetching_ = true; }
    ~Fetching() {  // also when the one who fetched was cancelled: the next one fetches
      t.fetching_ = false;
      t.news_.notify();
    }
  } fetching(*this);
  auto got = co_await fetch_();
  auto now = Clock::now();
  if (!got) {
    renew_at_ = now + std::chrono::seconds(5);
    co_return fail(got.error());
  }
  token_ = std::move(got->token);
  ends_ = now + got->good_for;
  // The metadata server gives the same token until 5 minutes before its end.
  renew_at_ = ends_ - std::min<Clock::duration>(std::chrono::minutes(4), got->good_for / 2);
  co_return Result<>{};
}

void Tokens::forget(const std::string& token) {
  if (token == token_) token_.clear();
}

Result<std::shared_ptr<Tokens>> find_credentials(asio::any_io_executor loop, const Env& env) {
  if (const char* file = env(kWhere); file && *file) {
    auto text = read_input(file);
    if (!text) return fail(ErrorCode::invalid, kWhere, text.error().str());
    auto account = parse_service_account(*text, file);
    if (!account) return fail(account.error());
    auto client = net::Client::create(loop, account->token_uri);
    if (!client) return fail(ErrorCode::invalid, file, "'token_uri' is not an http or https address");
    return std::make_shared<Tokens>(
        loop, [client = *client, account = *account] { return exchange(client, account); });
  }
  const char* named = env("GCE_METADATA_HOST");
  std::string host = named && *named ? named : "metadata.google.internal";
  auto client = net::Client::create(loop, "http://" + host);
  if (!client) return fail(ErrorCode::invalid, "GCE_METADATA_HOST", "'" + host + "' is not a host");
  return std::make_shared<Tokens>(loop, [client = *client, host] { return ask_metadata(client, host); });
}

}  // namespace lemmy::store::datastore
