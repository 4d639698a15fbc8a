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

}  // namespace
}  // namespace lemmy::pods
