#include "access/sample_test.h"

namespace lemmy::access {
namespace {

using namespace sample;

struct InstanceTokens : testing::Test {
  config::Access access;
  void SetUp() override {
    access.instance_tokens = {{"web", "web", "production", sha256_hex("lmy_web")},
                              {"web-next", "web", "production", sha256_hex("lmy_next")},
                              {"api", "api", "staging", sha256_hex("lmy_api")},
                              {"shared", "api", "staging", sha256_hex("lmy_web")},
                              {"odd", "web", "production", sha256_hex("a.b.c")}};
  }
  Result<InstanceCaller> verify(const std::string& authorization,
                                const Target& target = {"web", "production"}) {
    return verify_instance(access, {}, {target, "host-1", "192.0.2.7", authorization}, kNow);
  }
};

TEST_F(InstanceTokens, of_a_target_prove_the_target_and_nothing_more) {
  auto caller = verify("Bearer lmy_web");
  ASSERT_TRUE(caller) << caller.error().str();
  EXPECT_EQ(caller->name, "token web");
  EXPECT_FALSE(caller->proven);
  EXPECT_EQ(caller->once, "") << "it may be used again";
  EXPECT_EQ(caller->address, "");
  EXPECT_EQ(said(verify("bearer  lmy_next ")), "token web-next") << "old and new while they are changed";
  EXPECT_EQ(said(verify("Bearer lmy_web", {"api", "staging"})), "token shared");
  EXPECT_EQ(said(verify("Bearer a.b.c")), "token odd") << "though it looks like a JWT";
}

TEST_F(InstanceTokens, of_another_target_are_forbidden_without_saying_which) {
  for (const Target& other :
       {Target{"web", "staging"}, Target{"api", "production"}, Target{"api", "staging"}}) {
    auto r = verify(other.project == "api" ? "Bearer lmy_next" : "Bearer lmy_api", other);
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code, ErrorCode::forbidden);
    EXPECT_EQ(r.error().str(),
              "instance: the token is for another target (each target has a token of its own)");
  }
}

TEST_F(InstanceTokens, that_nobody_knows_are_refused) {
  EXPECT_EQ(said(verify("Bearer lmy_wrong")), "unauthorized: the token fits no target");
  EXPECT_EQ(said(verify("Bearer " + sha256_hex("lmy_web"))), "unauthorized: the token fits no target");
  EXPECT_EQ(said(verify("Bearer x.y.z")), "unauthorized: identity tokens of GCE are not taken here");
  EXPECT_EQ(said(verify("Bearer " + std::string(9 << 10, 'x'))), "unauthorized: the token is too long");
  access.instance_tokens.clear();
  EXPECT_EQ(said(verify("Bearer lmy_web")), "unauthorized: the token fits no target");
}

TEST_F(InstanceTokens, or_another_proof_must_be_there) {
  for (const char* none : {"", "Bearer", "Bearer  ", "Basic bG15X3dlYg=="}) {
    auto r = verify(none);
    EXPECT_EQ(said(r), "unauthorized: the call does not prove where it comes from");
    for (const char* proof : {"Authorization: Bearer", "GCE", "X-Lemmy-Aws-Pkcs7"})
      EXPECT_NE(r.error().hint.find(proof), std::string::npos) << proof;
  }
}

TEST_F(InstanceTokens, errors_hold_no_secret) {
  for (const char* a : {"Bearer lmy_api", "Bearer lmy_wrong", "Bearer lmy.wrong.jwt"}) {
    auto r = verify(a);
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().str().find("lmy"), std::string::npos);
    for (const auto& t : access.instance_tokens)
      EXPECT_EQ(r.error().str().find(t.token_hash.substr(0, 8)), std::string::npos);
  }
}

}  // namespace
}  // namespace lemmy::access
