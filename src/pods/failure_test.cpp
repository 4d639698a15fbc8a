#include "pods/failure.h"

#include <gmock/gmock.h>

namespace lemmy::pods {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Kind = kube::ContainerState::Kind;

kube::Pod pod(const std::string& name, const std::string& reason, int exit_code = 0) {
  kube::Pod p;
  p.meta.name = name;
  p.node = "node-1";
  kube::Container c;
  c.name = "app";
  c.restarts = 2;
  c.state = {Kind::waiting, reason, "", 0, {}};
  c.last = kube::ContainerState{Kind::terminated, "Error", "", exit_code, {}};
  p.containers.push_back(std::move(c));
  return p;
}

json::object shown(const std::vector<kube::Pod>& pods, const std::string& first = "") {
  std::vector<const kube::Pod*> all;
  for (const kube::Pod& p : pods) all.push_back(&p);
  return pods_now(all, first);
}

TEST(Roles, pods_that_fail_alike_have_one_sample_and_the_fatal_ones_come_first) {
  kube::Pod ready = pod("r", "");
  ready.ready = true;
  kube::Pod going = pod("g", "CrashLoopBackOff", 9);
  going.meta.deleting = true;
  auto o = shown(
      {pod("a", "ErrImagePull"), pod("b", "CrashLoopBackOff", 3), pod("c", "CrashLoopBackOff", 3),
       pod("d", "CrashLoopBackOff", 4), pod("e", "ErrImagePull"), pod("f", "ErrImagePull"), ready, going},
      "c");
  EXPECT_EQ(o.at("pods"), 7);
  EXPECT_EQ(o.at("ready"), 1);
  std::vector<std::string> told;
  for (const json::value& r : o.at("roles").as_array())
    told.push_back(std::string(r.at("sample").at("name").as_string()) + " " +
                   std::to_string(r.at("pods").as_int64()) + " " + std::string(r.at("reason").as_string()));
  EXPECT_THAT(told, ElementsAre("c 2 CrashLoopBackOff", "d 1 CrashLoopBackOff", "a 3 ErrImagePull"));
  const json::value& first = o.at("roles").as_array()[0];
  EXPECT_EQ(first.at("exit_code"), 3);
  EXPECT_EQ(first.at("sample").at("node"), "node-1");
  EXPECT_EQ(first.at("sample").at("containers").as_array()[0].at("restarts"), 2);
}

TEST(Roles, are_bounded) {
  std::vector<kube::Pod> pods;
  for (int i = 0; i < 8; ++i) pods.push_back(pod("p" + std::to_string(i), "CrashLoopBackOff", 10 + i));
  auto o = shown(pods);
  EXPECT_EQ(o.at("roles").as_array().size(), 5u);
  EXPECT_EQ(o.at("roles_left_out"), 3);
}

std::string numbered(int from, int to) {
  std::string out;
  for (int i = from; i <= to; ++i) out += "line " + std::to_string(i) + "\n";
  return out;
}

TEST(Logs, are_shown_whole_when_they_are_short_else_by_both_ends) {
  auto e = excerpt_of(numbered(1, 50), true, "");
  EXPECT_TRUE(e.whole);
  EXPECT_EQ(e.first, numbered(1, 50));
  e = excerpt_of(numbered(1, 51), true, "");
  EXPECT_FALSE(e.whole);
  EXPECT_EQ(e.first, numbered(1, 25));
  EXPECT_EQ(e.last, numbered(27, 51));
  e = excerpt_of(numbered(1, 2000), false, numbered(90'000, 90'024));
  EXPECT_EQ(e.first, numbered(1, 25));
  EXPECT_EQ(e.last, numbered(90'000, 90'024));
}

TEST(Logs, of_huge_lines_keep_the_end_and_stay_small) {
  auto e = excerpt_of(std::string(15'000, 'x') + " the end", true, "");
  EXPECT_FALSE(e.whole);
  EXPECT_LT(e.first.size(), 8'300u);
  EXPECT_TRUE(e.first.ends_with(" the end\n"));
  e = excerpt_of(std::string(16'384, 'x'), false, std::string(60'000, 'y') + "z");
  EXPECT_LT(e.first.size() + e.last.size(), 17'000u);
  EXPECT_TRUE(e.last.ends_with("z\n"));
}

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
  EXPECT_EQ(d.at("summary"),
            "the build (aaaaaaa -> bbbbbbb), 1 field of the configuration, the ConfigMap, the Secret differ");
}

TEST(Difference, a_secret_that_could_not_be_read_is_neither_gone_nor_changed) {
  Made before = made(3, "aaaaaaa1", "slow"), after = made(4, "aaaaaaa1", "slow");
  after.deploy.secret_version = kUnknownSecret;
  for (const auto& d : {difference(before, after), difference(after, before)}) {
    EXPECT_EQ(d.at("secret").at("state"), "unknown");
    EXPECT_EQ(std::string(d.at("summary").as_string()).find("Secret"), std::string::npos);
  }
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
  before.deploy.deployer = after.deploy.deployer = Deployer::ansible;
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
  after.deploy.deployer = Deployer::ansible;
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
}  // namespace lemmy::pods
