#include "access/edit.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/crypto.h"

namespace lemmy::access {
namespace {

const std::string kHash = "$argon2id$v=19$m=65536,t=2,p=1$c2FsdA$aGFzaA";
const std::string kFile = R"(# Who may come in.
users:
  # the platform team
  ann:
    role: admin
    password_hash: "$argon2id$old#1"  # changed in May

  # builds
  bob: # on leave
    role: viewer

# machines
tokens: {}
session:
  lifetime: 8h
)";

TEST(Edit, a_user_is_added_to_an_empty_file) {
  auto text = add_user("", "ann", Role::admin, kHash);
  ASSERT_TRUE(text) << text.error().str();
  EXPECT_EQ(*text, "users:\n  ann:\n    role: admin\n    password_hash: \"" + kHash + "\"\n");
}

TEST(Edit, a_user_is_added_behind_the_others_and_comments_stay) {
  auto text = add_user(kFile, "eve", Role::deployer, kHash);
  ASSERT_TRUE(text) << text.error().str();
  std::string wanted = kFile;
  wanted.insert(wanted.find("\n# machines"),
                "  eve:\n    role: deployer\n    password_hash: \"" + kHash + "\"\n");
  EXPECT_EQ(*text, wanted);
  EXPECT_EQ(add_user(kFile, "bob", Role::viewer, kHash).error().code, ErrorCode::conflict);
  for (const char* name : {"no good", "x#y", "", "zo\xc3\xa9"}) {
    const Error e = add_user(kFile, name, Role::viewer, kHash).error();
    EXPECT_EQ(e.code, ErrorCode::invalid);
    EXPECT_NE(e.what.find("is not a name"), e.what.npos) << e.str();
    EXPECT_NE(e.hint.find("a-z"), e.hint.npos) << e.str();
    const config::Token token{name, Role::viewer, std::string(64, 'a'), {}, {}};
    EXPECT_EQ(add_token(kFile, token).error().what, e.what);
    EXPECT_EQ(add_instance_token(kFile, {name, "web", "dev", std::string(64, 'a')}).error().what, e.what);
  }
  EXPECT_EQ(add_user(kFile, "a: {role: admin}\n  b", Role::viewer, kHash).error().code, ErrorCode::invalid);
}

TEST(Edit, a_password_is_replaced_or_added_and_its_comment_stays) {
  auto text = set_password(kFile, "ann", kHash);
  ASSERT_TRUE(text) << text.error().str();
  EXPECT_NE(text->find("    password_hash: \"" + kHash + "\"  # changed in May\n"), text->npos) << *text;
  text = set_password(kFile, "bob", kHash);
  ASSERT_TRUE(text) << text.error().str();
  EXPECT_NE(text->find("  bob: # on leave\n    password_hash: \"" + kHash + "\"\n    role: viewer\n"),
            text->npos)
      << *text;
  EXPECT_EQ(set_password(kFile, "eve", kHash).error().code, ErrorCode::not_found);
}

TEST(Edit, a_user_is_removed_and_the_neighbours_stay) {
  auto text = remove_user(kFile, "ann");
  ASSERT_TRUE(text) << text.error().str();
  EXPECT_EQ(text->find("ann"), text->npos);
  EXPECT_NE(text->find("  # builds\n  bob: # on leave\n"), text->npos);
  text = remove_user(*text, "bob");
  ASSERT_TRUE(text) << text.error().str();
  EXPECT_TRUE(config::parse_access(*text, "access.yaml")->users.empty());
  text = add_user(*text, "eve", Role::viewer, kHash);
  ASSERT_TRUE(text) << text.error().str();
  EXPECT_EQ(remove_user(kFile, "eve").error().code, ErrorCode::not_found);
}

TEST(Edit, tokens_are_added_and_removed) {
  config::Token token{"ci",
                      Role::deployer,
                      std::string(64, 'a'),
                      {"hello", "user-service"},
                      parse_time("2027-01-31T00:00:00Z")};
  auto text = add_token(kFile, token);
  ASSERT_TRUE(text) << text.error().str();
  EXPECT_EQ(config::parse_access(*text, "")->tokens, std::vector{token});
  auto back = remove_token(*text, "ci");
  ASSERT_TRUE(back) << back.error().str();
  EXPECT_NE(back->find("tokens:\nsession:"), back->npos);
  EXPECT_EQ(add_token(*text, token).error().code, ErrorCode::conflict);
}

TEST(Edit, tokens_of_instances_are_added_and_removed_in_their_inner_section) {
  const config::InstanceToken token{"web", "web", "production", std::string(64, 'a')};
  auto text = add_instance_token("", token);
  ASSERT_TRUE(text) << text.error().str();
  EXPECT_EQ(*text,
            "instances:\n  tokens:\n    web:\n      project: web\n      environment: \"production\"\n"
            "      token_hash: \"" +
                token.token_hash + "\"\n");
  EXPECT_EQ(add_instance_token(*text, token).error().code, ErrorCode::conflict);
  config::InstanceToken second = token;
  second.name = "web-2";
  second.environment = "on";  // a text, whatever YAML 1.1 thinks
  text = add_instance_token(*text, second);
  ASSERT_TRUE(text) << text.error().str();
  EXPECT_EQ(config::parse_access(*text, "")->instance_tokens, (std::vector{token, second}));
  auto back = remove_instance_token(*text, "web");
  ASSERT_TRUE(back) << back.error().str();
  back = remove_instance_token(*back, "web-2");
  ASSERT_TRUE(back) << back.error().str();
  EXPECT_EQ(*back, "instances:\n  tokens:\n");
  EXPECT_TRUE(add_instance_token(*back, token));
  EXPECT_EQ(remove_instance_token(*back, "web").error().code, ErrorCode::not_found);
  EXPECT_EQ(remove_instance_token(kFile, "ann").error().code, ErrorCode::not_found);
}

TEST(Edit, what_else_stands_in_the_outer_section_stays) {
  const config::InstanceToken token{"web", "web", "production", std::string(64, 'a')};
  const std::string aws = "  aws: # ours\n    accounts: [\"123456789012\"]\n    certificates: [aws.pem]\n";
  const std::string entry =
      "    web:\n      project: web\n      environment: \"production\"\n      token_hash: \"" +
      token.token_hash + "\"\n";
  auto text = add_instance_token("instances:\n" + aws + "\n# log-ins\nsession:\n  lifetime: 8h\n", token);
  ASSERT_TRUE(text) << text.error().str();
  EXPECT_EQ(*text, "instances:\n" + aws + "  tokens:\n" + entry + "\n# log-ins\nsession:\n  lifetime: 8h\n");
  text = add_instance_token("tokens: {}\ninstances:\n  tokens: {} # none yet\n" + aws, token);
  ASSERT_TRUE(text) << text.error().str();
  EXPECT_EQ(*text, "tokens: {}\ninstances:\n  tokens: # none yet\n" + entry + aws);
  EXPECT_EQ(add_instance_token("instances: {aws: null}\n", token).error().code, ErrorCode::invalid);
  // The tokens of the API are others, though they may have the same name.
  auto both = add_token(*text, {"web", Role::viewer, std::string(64, 'b'), {}, std::nullopt});
  ASSERT_TRUE(both) << both.error().str();
  EXPECT_EQ(*remove_token(*both, "web"), "tokens:\n" + text->substr(text->find("instances:")));
}

TEST(Edit, what_cannot_be_changed_safely_is_left_alone) {
  EXPECT_EQ(add_user("users: {ann: {role: admin}}\n", "bob", Role::viewer, "").error().hint,
            "write each key on a line of its own, or change the file by hand");
  EXPECT_EQ(set_password("users:\n  ann: {role: admin}\n", "ann", kHash).error().code, ErrorCode::invalid);
  auto broken = add_user("users:\n  ann:\n    rolle: admin\n", "bob", Role::viewer, "");
  EXPECT_NE(broken.error().str().find("access.yaml:3:5"), std::string::npos) << broken.error().str();
  // An alias of a removed entry would dangle.
  EXPECT_FALSE(remove_user("users:\n  ann: &a\n    role: admin\n  bob: *a\n", "ann"));
}

TEST(Edit, lists_never_show_hashes) {
  config::Access a;
  const Time now = *parse_time("2026-11-24T12:00:00Z");
  a.users = {{"ann", Role::admin, kHash}, {"bob", Role::viewer, ""}};
  a.tokens = {{"ci", Role::deployer, std::string(64, 'a'), {"hello"}, now},
              {"bot", Role::viewer, std::string(64, 'b'), {}, std::nullopt}};
  EXPECT_EQ(list_users(a), "NAME  ROLE    PASSWORD\nann   admin   set\nbob   viewer  none\n");
  EXPECT_EQ(list_tokens(a, now),
            "NAME  ROLE      PROJECTS  EXPIRES\nci    deployer  hello     expired\nbot   viewer    all       "
            "never\n");
  a.tokens.clear();
  a.instance_tokens = {{"web", "web", "production", std::string(64, 'c')}};
  EXPECT_EQ(list_tokens(a, now),
            "NAME  ROLE       PROJECTS        EXPIRES\nweb   instances  web/production  never\n");
}

TEST(Edit, the_file_is_for_its_owner_alone) {
  auto file = std::filesystem::temp_directory_path() / ("lemmy-access-" + random_hex(6));
  EXPECT_EQ(*read_access(file), "");
  ASSERT_TRUE(write_access(file, kFile));
  struct stat info;
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(*read_access(file), kFile);
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace lemmy::access
