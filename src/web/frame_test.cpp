// What stands around every page: its frame, and what it says is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "web/pages.h"
#include "web/render.h"
#include "web/sample_test.h"

namespace lemmy::web {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(Frame, a_fragment_has_the_title_and_the_content_but_no_frame) {
  json::object home = sample::home();
  home["page"] = sample::page("/", true);
  std::string html = draw("home.html.j2", home);
  EXPECT_THAT(html, AllOf(HasSubstr("<title>What runs where"), HasSubstr("<table"), Not(HasSubstr("<main")),
                          Not(HasSubstr("<!doctype"))));
}

TEST(Frame, no_page_has_scripts_or_styles_inside_it) {
  for (const std::string& html :
       {draw("home.html.j2", sample::home()), draw("status.html.j2", sample::status(Phase::live))}) {
    EXPECT_THAT(html, AllOf(Not(HasSubstr("style=")), Not(HasSubstr("<style")), Not(HasSubstr("onclick")),
                            Not(HasSubstr("<script>"))));
    EXPECT_THAT(html, Not(HasSubstr("//cdn")));
  }
}

TEST(Frame, trouble_of_configuration_and_clusters_is_shown_with_place_and_hint) {
  json::object home = sample::home();
  home["frame"].as_object()["problems"] =
      json::array{json::object{{"where", "projects/hello/project.yaml:4:1"},
                               {"what", "unknown key 'ownrs'"},
                               {"hint", "did you mean 'owners'?"}}};
  home["frame"].as_object()["clusters"] = json::array{json::object{
      {"name", "eu"}, {"ok", false}, {"trouble", "connection refused"}, {"missing_rights", json::array{}}}};
  EXPECT_THAT(draw("home.html.j2", home), AllOf(HasSubstr("project.yaml:4:1"), HasSubstr("did you mean"),
                                                HasSubstr("connection refused")));
}

TEST(Frame, trouble_of_the_store_says_since_when_and_of_when_the_page_is) {
  json::object home = sample::home();
  EXPECT_THAT(draw("home.html.j2", home), Not(HasSubstr("Trouble with the store")));
  json::object& store = home["frame"].as_object()["store"].as_object();
  store = {{"ok", false}, {"trouble", "the disk is full"}, {"since", "12:03"}, {"as_of", ""}};
  EXPECT_THAT(draw("home.html.j2", home),
              AllOf(HasSubstr("the disk is full"), HasSubstr("since 12:03"), Not(HasSubstr("as of"))));
  store["as_of"] = "12:02";
  EXPECT_THAT(draw("home.html.j2", home), HasSubstr("as of 12:02"));
}

TEST(Frame, what_is_of_before_is_told_in_the_frame) {
  json::object frame = sample::frame();
  say_stale(frame, {{"builds", json::array{}}});
  EXPECT_EQ(frame, sample::frame());
  say_stale(frame, {{"stale", {{"as_of", "12:02"}, {"what", "it cannot be reached"}}}});
  EXPECT_EQ(
      frame["store"],
      json::value({{"ok", false}, {"trouble", "it cannot be reached"}, {"since", ""}, {"as_of", "12:02"}}));
}

TEST(Frame, a_simulated_cluster_says_so) {
  EXPECT_THAT(draw("home.html.j2", sample::home()), HasSubstr("no pod here runs for real"));
  json::object real = sample::home();
  real["frame"].as_object()["simulated"] = false;
  EXPECT_THAT(draw("home.html.j2", real), Not(HasSubstr("no pod here runs for real")));
}

}  // namespace
}  // namespace lemmy::web
