#include "store/datastore/auth.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <filesystem>

#include "base/crypto.h"
#include "base/files.h"
#include "base/strings.h"
#include "store/datastore/fake_google.h"

namespace lemmy::store::datastore {
namespace {

std::string from_base64url(std::string text) {
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  while (text.size() % 4) text += '=';
  return from_base64(text).value();
}

struct Credentials : FakeGoogle {
  Credentials() : key(EVP_RSA_gen(2048), EVP_PKEY_free) {
    std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    char* data = nullptr;
    long size = BIO_get_mem_data(bio.get(), &data);
    pem.assign(data, static_cast<size_t>(size));
    std::filesystem::create_directory(dir);
  }
  ~Credentials() override { std::filesystem::remove_all(dir); }

  json::object key_file() {
    return {{"type", "service_account"},
            {"client_email", "lemmy@shop.example"},
            {"private_key_id", "k1"},
            {"private_key", pem},
            {"token_uri", url + "/token"}};
  }
  // What the process's environment says; the file is written when `account` is given.
  Env env(std::optional<json::object> account) {
    if (account) EXPECT_TRUE(write_file(dir / "key.json", json::serialize(*account), 0600));
    return [file = (dir / "key.json").string(), host = url.substr(7),
            with = account.has_value()](const char* name) -> const char* {
      std::string_view n = name;
      if (n == "GOOGLE_APPLICATION_CREDENTIALS" && with) return file.c_str();
      return n == "GCE_METADATA_HOST" ? host.c_str() : nullptr;
    };
  }
  std::unique_ptr<Store> open(std::optional<json::object> account) {
    Options o;
    o.env = env(std::move(account));
    o.endpoint = url;
    o.limits.patience = milliseconds{300};
    return std::move(open_datastore(loop.get_executor(), "datastore://shop", std::move(o)).value());
  }
  bool verifies(const std::string& jwt) {
    size_t dot = jwt.rfind('.');
    std::string signature = from_base64url(jwt.substr(dot + 1));
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> md(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    return EVP_DigestVerifyInit(md.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
           EVP_DigestVerify(md.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                            signature.size(), reinterpret_cast<const unsigned char*>(jwt.data()), dot) == 1;
  }
  static net::Response token(const std::string& token, int seconds) {
    return reply(200, json::serialize(json::object{
                          {"access_token", token}, {"expires_in", seconds}, {"token_type", "Bearer"}}));
  }

  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key;
  std::string pem;
  std::filesystem::path dir = std::filesystem::temp_directory_path() / ("lemmy-auth-" + random_hex(6));
};

TEST_F(Credentials, a_service_account_signs_for_a_token_and_shows_it_with_every_call) {
  int tokens = 0;
  answer = [&](net::Request r) -> Task<net::Response> {
    if (r.path != "/token") {
      EXPECT_EQ(net::header(r.headers, "Authorization"), "Bearer secret-1");
      co_return empty(r);
    }
    ++tokens;
    auto form = net::parse_form(r.body);
    EXPECT_EQ(form->at(0).second, "urn:ietf:params:oauth:grant-type:jwt-bearer");
    const std::string jwt = form->at(1).second;
    EXPECT_TRUE(verifies(jwt));
    auto parts = split(jwt, '.');
    auto header = parse_json(from_base64url(std::string(parts[0])), "")->get_object();
    EXPECT_EQ(text_or(header, "alg"), "RS256");
    EXPECT_EQ(text_or(header, "kid"), "k1");
    auto claims = parse_json(from_base64url(std::string(parts[1])), "")->get_object();
    EXPECT_EQ(text_or(claims, "iss"), "lemmy@shop.example");
    EXPECT_EQ(text_or(claims, "aud"), url + "/token");
    EXPECT_EQ(text_or(claims, "scope"), "https://www.googleapis.com/auth/datastore");
    EXPECT_EQ(int_or(claims, "exp") - int_or(claims, "iat"), 3600);
    EXPECT_NEAR(static_cast<double>(int_or(claims, "iat")), static_cast<double>(to_millis(now()) / 1000), 60);
    co_return token("secret-1", 3600);
  };
  auto store = open(key_file());
  for (int n = 0; n < 5; ++n) EXPECT_EQ(run(store->deploy({"a", "b"}, 1)).error().code, ErrorCode::not_found);
  EXPECT_EQ(tokens, 1);
}

TEST_F(Credentials, without_a_key_file_the_metadata_server_is_asked) {
  answer = [&](net::Request r) -> Task<net::Response> {
    if (!r.path.starts_with("/computeMetadata/")) {
      EXPECT_EQ(net::header(r.headers, "Authorization"), "Bearer of-the-machine");
      co_return empty(r);
    }
    EXPECT_EQ(r.path, "/computeMetadata/v1/instance/service-accounts/default/token");
    EXPECT_EQ(net::header(r.headers, "Metadata-Flavor"), "Google");
    co_return token("of-the-machine", 3600);
  };
  EXPECT_TRUE(run(open(std::nullopt)->check()));
}

TEST_F(Credentials, a_token_is_renewed_before_it_runs_out) {
  int tokens = 0;
  std::set<std::string> shown;
  answer = [&](net::Request r) -> Task<net::Response> {
    if (r.path == "/token") co_return token("t" + std::to_string(++tokens), 2);
    shown.insert(std::string(net::header(r.headers, "Authorization")));
    co_return empty(r);
  };
  auto store = open(key_file());
  EXPECT_TRUE(run(store->check()));
  std::this_thread::sleep_for(milliseconds{1200});  // half of its time
  EXPECT_TRUE(run(store->check()));
  EXPECT_EQ(tokens, 2);
  EXPECT_EQ(shown, (std::set<std::string>{"Bearer t1", "Bearer t2"}));
}

TEST_F(Credentials, many_calls_at_once_share_one_fetch) {
  int tokens = 0;
  answer = [&](net::Request r) -> Task<net::Response> {
    if (r.path != "/token") co_return empty(r);
    ++tokens;
    co_await sleep_for(milliseconds{50});
    co_return token("t", 3600);
  };
  auto store = open(key_file());
  std::vector<std::future<Result<>>> all;
  for (int n = 0; n < 10; ++n) all.push_back(asio::co_spawn(loop, store->check(), asio::use_future));
  for (auto& f : all) {
    while (f.wait_for(seconds{0}) != std::future_status::ready) loop.run_one_for(seconds{1});
    EXPECT_TRUE(f.get());
  }
  EXPECT_EQ(tokens, 1);
}

TEST_F(Credentials, a_renewal_that_fails_is_not_seen_while_the_token_is_good) {
  int tokens = 0;
  answer = [&](net::Request r) -> Task<net::Response> {
    if (r.path != "/token") co_return empty(r);
    co_return ++tokens == 1 ? token("t", 4) : error(503, "UNAVAILABLE");
  };
  auto store = open(key_file());
  EXPECT_TRUE(run(store->check()));
  std::this_thread::sleep_for(milliseconds{2200});
  EXPECT_TRUE(run(store->check()));
  EXPECT_TRUE(run(store->check()));
  EXPECT_EQ(tokens, 2) << "not asked again at once";
}

TEST_F(Credentials, a_token_that_datastore_refuses_is_replaced_once) {
  int tokens = 0;
  answer = [&](net::Request r) -> Task<net::Response> {
    if (r.path == "/token") co_return token("t" + std::to_string(++tokens), 3600);
    bool revoked = net::header(r.headers, "Authorization") != "Bearer t2";
    co_return revoked ? error(401, "UNAUTHENTICATED") : empty(r);
  };
  auto store = open(key_file());
  EXPECT_TRUE(run(store->check()));
  answer = [&](net::Request r) -> Task<net::Response> {
    if (r.path == "/token") co_return token("t", 3600);
    co_return error(401, "UNAUTHENTICATED");
  };
  EXPECT_EQ(run(store->check()).error().code, ErrorCode::rejected);
}

TEST_F(Credentials, errors_say_what_is_wrong_and_no_secret) {
  answer = [&](net::Request) -> Task<net::Response> {
    co_return reply(400, R"({"error": "invalid_grant", "error_description": "Invalid JWT Signature."})");
  };
  auto refused = run(open(key_file())->deploy({"a", "b"}, 1));
  EXPECT_EQ(refused.error().code, ErrorCode::rejected);
  EXPECT_TRUE(refused.error().what.contains("Invalid JWT Signature")) << refused.error().str();
  for (const std::string& secret : {pem.substr(60, 40), std::string("eyJ")})
    EXPECT_FALSE(refused.error().str().contains(secret));

  for (const char* missing : {"client_email", "private_key", "token_uri"}) {
    json::object file = key_file();
    file.erase(missing);
    auto r = find_credentials(loop.get_executor(), env(file));
    EXPECT_TRUE(r.error().what.contains(missing)) << r.error().str();
  }
  json::object file = key_file();
  file["private_key"] = "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n";
  auto r = find_credentials(loop.get_executor(), env(file));
  EXPECT_TRUE(r.error().what.contains("private_key"));
  EXPECT_FALSE(r.error().str().contains("hunter2"));
  file["type"] = "authorized_user";
  EXPECT_TRUE(find_credentials(loop.get_executor(), env(file)).error().what.contains("authorized_user"));
  auto gone = env(key_file());
  std::filesystem::remove(dir / "key.json");
  EXPECT_EQ(find_credentials(loop.get_executor(), gone).error().code, ErrorCode::invalid);
}

TEST_F(Credentials, no_metadata_server_is_explained) {
  Options o;
  o.env = [](const char* name) -> const char* {
    return std::string_view(name) == "GCE_METADATA_HOST" ? "127.0.0.1:1" : nullptr;
  };
  o.limits.patience = milliseconds{100};
  auto store = std::move(open_datastore(loop.get_executor(), "datastore://shop", std::move(o)).value());
  auto r = run(store->check());
  EXPECT_EQ(r.error().code, ErrorCode::unavailable);
  EXPECT_TRUE(r.error().hint.contains("GOOGLE_APPLICATION_CREDENTIALS")) << r.error().str();
}

}  // namespace
}  // namespace lemmy::store::datastore
