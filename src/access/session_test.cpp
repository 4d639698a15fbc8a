#include "access/session.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/crypto.h"
#include "base/files.h"

namespace lemmy::access {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;

struct Sessions : testing::Test {
  const Time start = *parse_time("2026-11-24T12:00:00Z");
  const std::string key = random_bytes(32);
  config::Access access;
  std::string cookie;
  void SetUp() override {
    access.users = {{"ann", Role::deployer, "$argon2id$one"}, {"bob", Role::admin, "$argon2id$two"}};
    cookie = make_session(key, access.users[0], hours{12}, start);
  }
  bool valid(Time at) { return open_session(key, access, cookie, at).has_value(); }
};

TEST_F(Sessions, name_their_user_until_they_expire) {
  auto s = open_session(key, access, cookie, start);
  ASSERT_TRUE(s);
  EXPECT_EQ(s->identity.name, "ann");
  EXPECT_EQ(s->identity.role, Role::deployer);
  EXPECT_EQ(s->expires, start + hours{12});
  EXPECT_TRUE(valid(start + hours{12} - seconds{1}));
  EXPECT_FALSE(valid(start + hours{12}));
  EXPECT_FALSE(valid(start - hours{1})) << "issued in the future";
}

TEST_F(Sessions, changing_any_one_character_ends_them) {
  std::string whole = cookie;
  for (size_t i = 0; i < whole.size(); ++i) {
    cookie = whole;
    cookie[i] = cookie[i] == '0' ? '1' : '0';
    EXPECT_FALSE(valid(start)) << "character " << i;
  }
  for (size_t n = 0; n < whole.size(); ++n) {
    cookie = whole.substr(0, n);
    EXPECT_FALSE(valid(start)) << "cut to " << n;
  }
  cookie = whole + "0";
  EXPECT_FALSE(valid(start));
  cookie = std::string(5000, '.');
  EXPECT_FALSE(valid(start));
}

TEST_F(Sessions, end_when_the_user_vanishes_or_changes_role_or_password) {
  access.users[0].role = Role::admin;
  EXPECT_FALSE(valid(start));
  access.users[0].role = Role::deployer;
  EXPECT_TRUE(valid(start));
  access.users[0].password_hash = "$argon2id$new";
  EXPECT_FALSE(valid(start));
  access.users.erase(access.users.begin());
  EXPECT_FALSE(valid(start));
}

TEST_F(Sessions, of_one_user_or_key_are_nothing_to_another) {
  EXPECT_FALSE(open_session(random_bytes(32), access, cookie, start));
  access.users[0].name = "eve";
  EXPECT_FALSE(valid(start));
}

TEST_F(Sessions, each_has_a_csrf_token_of_its_own) {
  auto one = *open_session(key, access, cookie, start);
  cookie = make_session(key, access.users[0], hours{12}, start);
  auto two = *open_session(key, access, cookie, start);
  EXPECT_NE(one.csrf, two.csrf);
  EXPECT_TRUE(csrf_matches(one, one.csrf));
  EXPECT_FALSE(csrf_matches(one, two.csrf));
  EXPECT_FALSE(csrf_matches(one, ""));
  EXPECT_EQ(cookie.find(two.csrf), cookie.npos);
}

TEST(ServerKey, is_made_once_for_the_owner_alone) {
  fs::path file = fs::temp_directory_path() / ("lemmy-key-" + random_hex(6));
  auto key = server_key(file);
  ASSERT_TRUE(key) << key.error().str();
  EXPECT_EQ(key->size(), 32u);
  struct stat info;
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(*server_key(file), *key);
  ::chmod(file.c_str(), 0644);
  EXPECT_EQ(server_key(file).error().what, "others may read the server's key");
  ASSERT_TRUE(write_file(file, "short", 0600));
  EXPECT_EQ(server_key(file).error().what, "the server's key is damaged");
  fs::remove(file);
}

}  // namespace
}  // namespace lemmy::access
