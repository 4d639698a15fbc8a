// What the templates of releases and dry runs make of hand-made contexts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "web/render.h"
#include "web/sample_releases_test.h"

namespace lemmy::web {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(ReleasePage, shows_pods_and_hosts_side_by_side_and_why_one_cannot_go_back) {
  std::string html = draw("release.html.j2", sample::release("failed"));
  EXPECT_THAT(html, AllOf(HasSubstr("Failed in hosts"), HasSubstr("to #11"), HasSubstr("pods ready"),
                          HasSubstr("nothing &lt;served&gt; before #3"), HasSubstr("/rollback\"")));
  EXPECT_THAT(html, Not(HasSubstr("<b>")));
}

TEST(ReleasePage, offers_the_way_back_only_when_all_has_ended_and_to_who_may) {
  EXPECT_THAT(draw("release.html.j2", sample::release("in_progress")), Not(HasSubstr("/rollback\"")));
  EXPECT_THAT(draw("release.html.j2", sample::release("failed", false)),
              AllOf(Not(HasSubstr("/rollback\"")), HasSubstr("do not touch")));
}

TEST(DryRunPage, marks_lines_that_come_and_go_and_escapes_them) {
  std::string html = draw("dry_run.html.j2",
                          sample::dry_run("passed", "task Copy\n--- a\n+++ b\n@@ -1 +1 @@\n-old\n+<new>\n"));
  EXPECT_THAT(html,
              AllOf(HasSubstr("<span class=\"gone\">-old"), HasSubstr("<span class=\"new\">+&lt;new&gt;"),
                    HasSubstr("<span class=\"gap\">--- a"), HasSubstr("would change")));
  EXPECT_THAT(html, AllOf(HasSubstr("Deploy it"), Not(HasSubstr("/cancel\""))));
}

TEST(DryRunPage, of_one_that_runs_can_be_cancelled) {
  EXPECT_THAT(draw("dry_run.html.j2", sample::dry_run("running", "")),
              AllOf(HasSubstr("/cancel\""), Not(HasSubstr("Deploy it"))));
}

TEST(ProjectPage, offers_a_dry_run_beside_deploy_on_hosts_and_a_release_to_several) {
  json::object context = sample::project_page({sample::build("0123abc4567890")});
  EXPECT_THAT(draw("project.html.j2", context),
              AllOf(Not(HasSubstr("Dry run")), HasSubstr("/builds/0123abc4567890/release")));
  context["project"].as_object()["targets"].as_array()[1].as_object()["deployer"] = "ansible";
  EXPECT_THAT(draw("project.html.j2", context),
              AllOf(HasSubstr("environments/production/dry-runs"), HasSubstr("on hosts")));
}

}  // namespace
}  // namespace lemmy::web
