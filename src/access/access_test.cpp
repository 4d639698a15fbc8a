#include "access/access.h"

#include <gtest/gtest.h>

#include "base/crypto.h"

namespace lemmy::access {
namespace {

const Time kNow = *parse_time("2026-11-24T12:00:00Z");

config::Config config_with(Role needed_in_production) {
  config::Config c;
  c.environments = {{"staging"}, {"production"}};
  c.environments[1].role = needed_in_production;
  return c;
}

TEST(Roles, each_may_do_what_the_one_before_may) {
  Identity ann{"ann", Role::deployer, Identity::Kind::user, {}};
  EXPECT_TRUE(ann.may(Role::viewer));
  EXPECT_TRUE(ann.may(Role::deployer));
  EXPECT_FALSE(ann.may(Role::admin));
  EXPECT_FALSE(config::role_from("Admin"));
  EXPECT_FALSE(config::role_from(""));
}

TEST(Roles, an_environment_may_ask_for_more_to_act_but_not_to_look) {
  Identity ann{"ann", Role::deployer, Identity::Kind::user, {}};
  auto c = config_with(Role::admin);
  EXPECT_TRUE(check(ann, Role::deployer, c, {"hello", "staging"}));
  EXPECT_TRUE(check(ann, Role::viewer, c, {"hello", "production"}));
  auto no = check(ann, Role::deployer, c, {"hello", "production"});
  ASSERT_FALSE(no);
  EXPECT_EQ(no.error().code, ErrorCode::forbidden);
  EXPECT_EQ(no.error().what, "environment production needs the role admin, and ann is a deployer");
}

TEST(Roles, nobody_is_told_to_sign_in_and_a_token_keeps_to_its_projects) {
  auto c = config_with(Role::deployer);
  config::Access open;
  EXPECT_FALSE(anonymous(open));
  open.anonymous = Role::viewer;
  auto nobody = check(*anonymous(open), Role::deployer, c, {"hello", "staging"});
  EXPECT_EQ(nobody.error().code, ErrorCode::unauthorized);
  Identity ci{"ci", Role::deployer, Identity::Kind::token, {"hello"}};
  EXPECT_TRUE(check(ci, Role::deployer, c, {"hello", "staging"}));
  EXPECT_EQ(check(ci, Role::deployer, c, {"other", "staging"}).error().code, ErrorCode::forbidden);
  EXPECT_EQ(check(ci, Role::viewer, c, {"other", "staging"}).error().code, ErrorCode::forbidden);
}

TEST(Passwords, only_the_right_one_fits) {
  std::string hash = hash_password("correct horse battery");
  EXPECT_TRUE(hash.starts_with("$argon2id$"));
  EXPECT_NE(hash, hash_password("correct horse battery"));
  EXPECT_TRUE(verify_password(hash, "correct horse battery"));
  EXPECT_FALSE(verify_password(hash, "correct horse batterz"));
  EXPECT_FALSE(verify_password(hash, std::string(2000, 'x')));
  EXPECT_FALSE(verify_password("", ""));
  EXPECT_FALSE(verify_password("$argon2id$nonsense", "x"));
  EXPECT_FALSE(check_password("short"));
  EXPECT_TRUE(check_password("ten bytes!"));
  EXPECT_FALSE(check_password(std::string(1025, 'x')));
}

TEST(Passwords, unknown_users_and_users_without_one_cannot_log_in) {
  config::Access a;
  a.users = {{"ann", Role::admin, hash_password("correct horse battery")}, {"bob", Role::viewer, ""}};
  auto ann = log_in(a, "ann", "correct horse battery");
  ASSERT_TRUE(ann);
  EXPECT_EQ(ann->role, Role::admin);
  EXPECT_EQ(ann->kind, Identity::Kind::user);
  EXPECT_FALSE(log_in(a, "ann", "wrong"));
  EXPECT_FALSE(log_in(a, "bob", ""));
  EXPECT_FALSE(log_in(a, "eve", "correct horse battery"));
}

TEST(Tokens, are_found_by_their_hash_until_they_expire) {
  NewToken one = make_token(), two = make_token();
  EXPECT_NE(one.token, two.token);
  EXPECT_EQ(one.token.size(), 4u + 64u);
  EXPECT_EQ(one.hash, sha256_hex(one.token));
  config::Access a;
  a.tokens = {{"ci", Role::deployer, one.hash, {"hello"}, kNow + std::chrono::hours{1}},
              {"bot", Role::viewer, two.hash, {}, std::nullopt}};
  auto ci = find_token(a, one.token, kNow);
  ASSERT_TRUE(ci);
  EXPECT_EQ(ci->name, "ci");
  EXPECT_FALSE(ci->may_touch("other"));
  EXPECT_FALSE(find_token(a, one.token, kNow + std::chrono::hours{1}));
  EXPECT_EQ(find_token(a, two.token, kNow)->name, "bot");
  EXPECT_FALSE(find_token(a, "lmy_00", kNow));
  EXPECT_FALSE(find_token(a, "", kNow));
  EXPECT_FALSE(find_token(a, one.hash, kNow)) << "the hash itself is no token";
}

TEST(Tokens, come_in_a_bearer_header) {
  EXPECT_EQ(bearer("Bearer abc"), "abc");
  EXPECT_EQ(bearer("bearer  abc "), "abc");
  EXPECT_EQ(bearer("Basic abc"), "");
  EXPECT_EQ(bearer("Bearer "), "");
  EXPECT_EQ(bearer(""), "");
}

}  // namespace
}  // namespace lemmy::access
