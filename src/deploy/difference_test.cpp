#include "deploy/difference.h"

#include <gmock/gmock.h>

namespace lemmy::deploy {
namespace {

using enum Deployer;

using testing::HasSubstr;

Made made(int64_t number, const std::string& sha, const std::string& mode) {
  Made m;
  m.deploy.target = {"hello", "staging"};
  m.deploy.number = number;
  m.deploy.sha = sha;
  m.deploy.config_map = "hello-1";
  m.deploy.secret_version = "7";
  m.build = Build{"hello", sha, "main", "", "https://git.example.com/a/b/commit/" + sha, "ada", "Say it"};
  m.final = R"({"replicas": 2, "mode": ")" + mode + R"("})";
  m.manifests = R"([{"kind": "ReplicationController", "spec": {"replicas": 2, "mode": ")" + mode + R"("}}])";
  m.origins =
      R"({"objects": {"final": [{"path": "mode", "value": "x", "rule": "", "written": [{"file": "t", "line": 1,
          "column": 2, "literal": true}], "fed": []}]}})";
  m.environment = R"({"mode": ")" + mode + R"("})";
  return m;
}

TEST(Difference, names_the_build_the_fields_the_config_map_and_the_secret) {
  Made before = made(3, "aaaaaaa1", "slow"), after = made(5, "bbbbbbb2", "fast");
  after.deploy.config_map = "hello-2";
  after.deploy.secret_version = "9";
  auto d = difference(before, after);
  EXPECT_EQ(d.at("build").at("compare_url"), "https://git.example.com/a/b/compare/aaaaaaa1...bbbbbbb2");
  EXPECT_EQ(d.at("build").at("before").at("number"), 3);
  ASSERT_EQ(d.at("fields").as_array().size(), 1u) << json::serialize(d);
  const json::value& f = d.at("fields").as_array()[0];
  EXPECT_EQ(f.at("object"), "final");
  EXPECT_EQ(f.at("path"), "mode");
  EXPECT_EQ(f.at("before"), "slow");
  EXPECT_EQ(f.at("after"), "fast");
  EXPECT_THAT(std::string(f.at("from").as_string()), HasSubstr("t:1:2"));
  EXPECT_EQ(d.at("config_map").at("state"), "changed");
  EXPECT_EQ(d.at("secret").at("state"), "changed");
  EXPECT_EQ(
      d.at("summary"),
      "the build (aaaaaaa -> bbbbbbb), 1 field of the configuration, the ConfigMap and the Secret differ");
}

TEST(Difference, a_secret_that_could_not_be_read_is_neither_gone_nor_changed) {
  Made before = made(3, "aaaaaaa1", "slow"), after = made(4, "aaaaaaa1", "slow");
  after.deploy.secret_version = kUnknownSecret;
  for (const auto& d : {difference(before, after), difference(after, before)}) {
    EXPECT_EQ(d.at("secret").at("state"), "unknown");
    EXPECT_EQ(std::string(d.at("summary").as_string()).find("Secret"), std::string::npos);
  }
}

TEST(Difference, a_config_map_that_was_not_even_rendered_is_neither_gone_nor_new) {
  Made before = made(3, "aaaaaaa1", "slow"), after = made(4, "bbbbbbb2", "slow");
  after.deploy.config_map.clear();
  EXPECT_EQ(difference(before, after).at("config_map").at("state"), "removed");
  after.manifests.clear();
  EXPECT_EQ(difference(before, after).at("config_map").at("state"), "unknown");
}

TEST(Difference, of_a_roll_back_links_to_the_commits_that_go) {
  Made before = made(5, "bbbbbbb2", "fast"), after = made(3, "aaaaaaa1", "slow");
  before.build->first_pushed_at = after.build->first_pushed_at + std::chrono::hours{1};
  EXPECT_EQ(difference(before, after).at("build").at("compare_url"),
            "https://git.example.com/a/b/compare/aaaaaaa1...bbbbbbb2");
}

TEST(Difference, of_the_same_says_that_the_cause_lies_elsewhere) {
  auto d = difference(made(3, "aaaaaaa1", "slow"), made(4, "aaaaaaa1", "slow"));
  EXPECT_EQ(d.at("build").at("same"), true);
  EXPECT_THAT(std::string(d.at("summary").as_string()), HasSubstr("nothing that Lemmy knows of differs"));
}

TEST(Difference, of_deploys_to_hosts_is_that_of_their_variables) {
  Made before = made(3, "aaaaaaa1", "slow"), after = made(4, "aaaaaaa1", "fast");
  before.deploy.deployer = after.deploy.deployer = ansible;
  auto d = difference(before, after);
  ASSERT_EQ(d.at("fields").as_array().size(), 1u);
  EXPECT_EQ(d.at("fields").as_array()[0].at("object"), "variables");
}

TEST(Difference, says_why_fields_cannot_be_compared) {
  Made before = made(3, "aaaaaaa1", "slow"), after = made(4, "bbbbbbb2", "fast");
  before.manifests.clear();
  auto d = difference(before, after);
  EXPECT_TRUE(d.at("fields").as_array().empty());
  EXPECT_THAT(std::string(d.at("fields_why").as_string()), HasSubstr("#3"));
  after.deploy.deployer = ansible;
  EXPECT_THAT(std::string(difference(before, after).at("fields_why").as_string()), HasSubstr("to hosts"));
}

TEST(Difference, commits_are_compared_only_within_one_repository) {
  const std::string a = "https://h/o/r/commit/aaaaaaa", b = "https://h/o/r/commit/bbbbbbb";
  EXPECT_EQ(compare_url(a, b), "https://h/o/r/compare/aaaaaaa...bbbbbbb");
  EXPECT_EQ(compare_url("https://g/o/r/-/commit/aaaaaaa", "https://g/o/r/-/commit/bbbbbbb"),
            "https://g/o/r/-/compare/aaaaaaa...bbbbbbb");
  for (const std::string& other :
       {std::string("https://h/o/s/commit/bbbbbbb"), std::string("https://h/build/7"), std::string(), a,
        std::string("https://h/o/r/commit/<b>")})
    EXPECT_EQ(compare_url(a, other), "") << other;
}

}  // namespace
}  // namespace lemmy::deploy
