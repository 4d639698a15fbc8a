#include <gtest/gtest.h>

#include "hosts/place.h"
#include "hosts/plan.h"

namespace lemmy::hosts {
namespace {

TEST(RunId, is_of_one_deploy_only) {
  Deploy a, b;
  a.target = {"a-b", "c"};
  b.target = {"a", "b-c"};
  a.number = b.number = 1;
  EXPECT_NE(run_id(a), run_id(b));
  b.target = a.target;
  EXPECT_EQ(run_id(a), run_id(b)) << "the same after a restart";
}

TEST(WhyEnded, says_which_limit_it_was) {
  ansible::Plan plan;
  plan.silence = std::chrono::minutes(10);
  plan.limit = std::chrono::hours(2);
  ansible::Outcome outcome;
  outcome.timed_out = outcome.silent = true;
  EXPECT_EQ(why_ended(plan, outcome, {}), "the run was ended: no word of Ansible for 10 min (deadline)");
  outcome.silent = false;
  ansible::Progress progress;
  progress.feed(json::object{{"event", "playbook_on_task_start"}, {"event_data", {{"task", "Restart"}}}});
  EXPECT_EQ(why_ended(plan, outcome, progress),
            "the run was ended: over 2 h in all (timeout), in task 'Restart'");
}

TEST(RunId, tells_what_is_repeated_under_it) {
  Deploy d;
  d.target = {"web", "prod"};
  d.number = 12;
  EXPECT_TRUE(is_of_deploy(run_id(d)));
  EXPECT_FALSE(is_of_deploy(run_id(d.target, "12-1790000000000")));
  EXPECT_FALSE(is_of_deploy(deploy::dry_run_id(d.target)));
  EXPECT_FALSE(is_of_deploy(".ansible"));
}

}  // namespace
}  // namespace lemmy::hosts
