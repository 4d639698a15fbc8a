#include <random>

#include "access/sample_test.h"

namespace lemmy::access {
namespace {

using namespace sample;

const int64_t kSeconds = kNow.time_since_epoch().count() / 1000;

json::object header(const std::string& alg = "RS256", const std::string& kid = "key-1") {
  return {{"alg", alg}, {"kid", kid}, {"typ", "JWT"}};
}

json::object claims() {
  return {{"iss", "https://accounts.google.com"},
          {"aud", "https://lemmy.example.com"},
          {"sub", "112233445566778899000"},
          {"iat", kSeconds - 10},
          {"exp", kSeconds + 3590},
          {"google",
           {{"compute_engine",
             {{"instance_creation_timestamp", kSeconds - 100},
              {"instance_id", "8123456789012345678"},
              {"instance_name", "web-1"},
              {"project_id", "my-project"},
              {"project_number", 123456789012},
              {"zone", "europe-west1-b"}}}}}};
}

struct Gce : testing::Test {
  Folder folder;
  config::Access access;
  InstanceKeys keys;
  EVP_PKEY *key = rsa(1), *other_key = rsa(2);

  void SetUp() override {
    access.gce = config::GceIdentity{.google_projects = {"other-project", "my-project"},
                                     .audience = "https://lemmy.example.com"};
    read({{"keys", {jwk("key-1", key), jwk("key-2", other_key)}}});
    ASSERT_TRUE(keys.problems.empty()) << keys.problems[0].str();
  }
  void read(const json::value& jwks) { read_text(json::serialize(jwks)); }
  void read_text(const std::string& text) {
    access.gce->keys_file = folder.put("keys.json", text);
    keys = read_instance_keys(access, kNow);
  }
  std::string jwt(const json::object& head, const std::string& payload, EVP_PKEY* signer) const {
    std::string text = base64url(json::serialize(head)) + "." + base64url(payload);
    return text + "." + base64url(sign(signer, text));
  }
  std::string jwt(const json::object& c = claims(), const json::object& head = header()) const {
    return jwt(head, json::serialize(c), key);
  }
  std::string jwt_with(const char* claim, const json::value& value) const {
    json::object c = claims();
    c[claim] = value;
    return jwt(c);
  }
  std::string jwt_of(const char* field, const json::value& value) const {
    json::object c = claims();
    c["google"].at("compute_engine").as_object()[field] = value;
    return jwt(c);
  }
  Result<InstanceCaller> verify(const std::string& token, const std::string& id = "8123456789012345678",
                                Time at = kNow) const {
    return verify_instance(access, keys, {{"web", "production"}, id, "192.0.2.7", "Bearer " + token}, at);
  }
  std::string outcome(const std::string& token) const { return said(verify(token)); }
};

TEST_F(Gce, a_token_proves_the_instance_by_id_or_name) {
  auto caller = verify(jwt());
  ASSERT_TRUE(caller) << caller.error().str();
  EXPECT_EQ(caller->name, "gce my-project");
  EXPECT_TRUE(caller->proven);
  EXPECT_EQ(caller->once.size(), 64u);
  EXPECT_FALSE(caller->launched_at);
  EXPECT_EQ(said(verify(jwt(), "web-1")), "gce my-project");
  EXPECT_EQ(said(verify(jwt(), "web-2")), "forbidden: the token is of another instance");
  EXPECT_EQ(said(verify(jwt(), "")), "forbidden: the token is of another instance");
  EXPECT_EQ(said(verify(jwt_of("instance_name", ""), "")), "forbidden: the token is of another instance");
  EXPECT_EQ(outcome(jwt(header("RS256", "key-2"), json::serialize(claims()), other_key)), "gce my-project");
}

TEST_F(Gce, the_token_has_no_say_in_how_it_is_checked) {
  const std::string what = "unauthorized: the token is not signed with RS256",
                    body = json::serialize(claims());
  const std::string none = base64url(json::serialize(header("none"))) + "." + base64url(body) + ".";
  EXPECT_EQ(outcome(none), what);
  EXPECT_EQ(outcome(jwt(claims(), header("none"))), what);
  EXPECT_EQ(outcome(jwt(claims(), header("rs256"))), what);
  EXPECT_EQ(outcome(jwt(claims(), header("RS512"))), what);
  json::object critical = header();
  critical["crit"] = json::array{"exp"};
  EXPECT_EQ(outcome(jwt(claims(), critical)), what);
  // The public key is known to everybody, so it must never be taken for a secret.
  BioPtr out(BIO_new(BIO_s_mem()));
  PEM_write_bio_PUBKEY(out.get(), key);
  for (const std::string& secret : {text_of(out.get()), number(key, OSSL_PKEY_PARAM_RSA_N)}) {
    for (const char* alg : {"HS256", "RS256"}) {
      std::string text = base64url(json::serialize(header(alg))) + "." + base64url(body);
      EXPECT_FALSE(verify(text + "." + base64url(hmac_sha256(secret, text)))) << alg;
    }
  }
}

TEST_F(Gce, what_another_key_signed_is_refused) {
  EXPECT_EQ(outcome(jwt(header(), json::serialize(claims()), other_key)),
            "unauthorized: the token's signature does not hold");
  const std::string unknown = "unauthorized: the token is signed with a key that is not known";
  EXPECT_EQ(outcome(jwt(claims(), header("RS256", "key-3"))), unknown);
  EXPECT_EQ(outcome(jwt(claims(), {{"alg", "RS256"}})), unknown);
  json::object own = header();  // a key that comes along
  own["jwk"] = jwk("key-1", other_key);
  EXPECT_FALSE(verify(jwt(own, json::serialize(claims()), other_key)));
  KeyPtr ec(EVP_EC_gen("P-256"));
  EXPECT_EQ(outcome(jwt(header(), json::serialize(claims()), ec.get())),
            "unauthorized: the token's signature does not hold");
}

TEST_F(Gce, a_changed_token_is_refused) {
  const std::string good = jwt();
  for (size_t i = 0; i < good.size(); i += 11) {
    std::string changed = good;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(verify(changed).error().code, ErrorCode::unauthorized) << i;
  }
}

TEST_F(Gce, audience_issuer_and_times_must_fit) {
  const std::string audience = "unauthorized: the token is for another audience";
  EXPECT_EQ(outcome(jwt_with("aud", "https://lemmy.example.com/")), audience);
  EXPECT_EQ(outcome(jwt_with("aud", json::array{"https://lemmy.example.com"})), audience);
  for (const char* iss : {"accounts.google.com", "https://accounts.google.com.example.com", ""})
    EXPECT_EQ(outcome(jwt_with("iss", iss)), "unauthorized: the token is of another issuer");
  EXPECT_TRUE(verify(jwt_with("exp", kSeconds - 60)));
  EXPECT_EQ(outcome(jwt_with("exp", kSeconds - 61)), "unauthorized: the token has expired");
  EXPECT_TRUE(verify(jwt_with("iat", kSeconds + 60)));
  EXPECT_EQ(outcome(jwt_with("iat", kSeconds + 61)), "unauthorized: the token is from the future");
  for (const char* claim : {"iat", "exp"})
    for (const json::value& wrong : {json::value(nullptr), json::value("1"), json::value(-1),
                                     json::value(INT64_MAX), json::value(1e300)})
      EXPECT_EQ(outcome(jwt_with(claim, wrong)),
                "unauthorized: the token does not say when it was made and when it expires");
}

TEST_F(Gce, the_instance_must_be_of_a_project_that_may_ask) {
  EXPECT_EQ(outcome(jwt_of("project_id", "their-project")),
            "forbidden: the token is of a Google project that may not ask");
  EXPECT_EQ(outcome(jwt_of("project_id", 7)), "unauthorized: the token does not say which instance it is of");
  json::object plain = claims();  // format=standard, or a token of a service account
  plain.erase("google");
  EXPECT_EQ(outcome(jwt(plain)), "unauthorized: the token does not say which instance it is of");
  EXPECT_EQ(outcome(jwt_with("google", "compute_engine")),
            "unauthorized: the token does not say which instance it is of");
  access.gce->projects = {"api"};
  EXPECT_EQ(outcome(jwt()), "forbidden: these instances may not ask for web");
  access.gce->projects = {"web"};
  EXPECT_TRUE(verify(jwt()));
}

TEST_F(Gce, garbage_and_huge_tokens_are_refused) {
  const std::string what = "unauthorized: the token is not a JWT", good = jwt();
  for (const std::string& token :
       {std::string(".."), std::string("a.b.c"), good + "=", good + "\xa4",
        " ." + good.substr(good.find('.') + 1), base64url("[]") + "." + base64url("{}") + ".AAAA"})
    EXPECT_EQ(outcome(token), what) << token.substr(0, 60);
  for (const std::string& token : {good + "A", good + "AAAA", good.substr(0, good.rfind('.') + 1)})
    EXPECT_EQ(outcome(token), "unauthorized: the token's signature does not hold") << token.size();
  EXPECT_EQ(outcome(jwt(header(), "no JSON", key)), what);
  EXPECT_EQ(outcome(jwt(header(), std::string(900, '['), key)), what);
  EXPECT_EQ(outcome(jwt_with("more", json::string(9 << 10, 'x'))), "unauthorized: the token is too long");
  access.gce.reset();
  EXPECT_EQ(outcome(good), "unauthorized: identity tokens of GCE are not taken here");
}

TEST_F(Gce, the_replay_id_is_of_the_token) {
  const std::string once = verify(jwt())->once;
  EXPECT_EQ(verify(jwt(), "web-1", kNow + seconds{5})->once, once);
  EXPECT_NE(verify(jwt_with("iat", kSeconds - 9))->once, once) << "each token counts once";
}

TEST_F(Gce, keys_that_cannot_be_used_are_told_and_the_others_work) {
  auto problem = [&](const json::value& jwks) {
    read(jwks);
    return keys.problems.empty() ? "" : keys.problems[0].what;
  };
  json::object ec{{"kty", "EC"}, {"kid", "ec"}, {"crv", "P-256"}}, even = jwk("even", key);
  even["e"] = "AA";
  EXPECT_EQ(problem({{"keys", {ec, jwk("key-1", key)}}}), "") << "keys for other uses may stand there";
  EXPECT_TRUE(verify(jwt()));
  EXPECT_EQ(problem({{"keys", {even, jwk("key-1", key)}}}), "the key 'even' cannot be used");
  EXPECT_TRUE(verify(jwt()));
  EXPECT_EQ(problem({{"keys", {jwk("weak", rsa(1, 1024))}}}), "the key 'weak' cannot be used");
  EXPECT_EQ(problem({{"keys", {jwk("key-1", key), jwk("key-1", other_key)}}}),
            "the key 'key-1' stands there twice, or there are too many");
  EXPECT_TRUE(verify(jwt())) << "the first one counts";
  EXPECT_EQ(problem({{"keys", {ec}}}), "there is no key for RS256 in the file");
  EXPECT_FALSE(verify(jwt()));
  EXPECT_EQ(problem({{"key-1", "-----BEGIN CERTIFICATE-----"}}), "this is not a JWKS");
  read_text("{");
  EXPECT_NE(keys.problems.at(0).what.find("this is not valid JSON"), std::string::npos);
  read_text(std::string(300 << 10, ' '));
  EXPECT_NE(keys.problems.at(0).what.find("larger than"), std::string::npos);
}

TEST_F(Gce, mutated_tokens_never_say_anything_else) {
  const std::string good = jwt(), once = verify(good)->once;
  std::mt19937 random(1);
  for (int i = 0; i < 4000; ++i) {
    std::string text = good;
    for (unsigned n = 1 + random() % 3; n > 0; --n) {
      size_t at = random() % text.size();
      if (unsigned how = random() % 3; how == 0)
        text[at] = static_cast<char>(random());
      else if (how == 1)
        text.erase(at, 1 + random() % 20);
      else
        text.insert(at, text.substr(random() % text.size(), random() % 20));
    }
    auto r = verify(text);
    EXPECT_TRUE(r ? trim(text) == good && r->once == once : r.error().code == ErrorCode::unauthorized)
        << i << " " << said(r);
  }
}

}  // namespace
}  // namespace lemmy::access
