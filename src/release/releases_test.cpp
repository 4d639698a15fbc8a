#include "release/releases.h"

#include <gtest/gtest.h>

namespace lemmy::release {
namespace {

Deploy member(const std::string& environment, Phase phase, int64_t number = 4,
              Deployer deployer = Deployer::kubernetes) {
  Deploy d;
  d.target = {"shop", environment};
  d.number = number;
  d.phase = phase;
  d.follows = number - 1;
  d.deployer = deployer;
  return d;
}
WayBack back(const Deploy& d, bool possible = true) {
  Deploy before = d;
  before.number = d.number - 1;
  return way_back(d, &d, d.phase == Phase::live ? &d : &before, possible);
}

TEST(Release, is_in_progress_while_one_of_its_deploys_is) {
  std::vector all{member("pods", Phase::live), member("hosts", Phase::queued), member("eu", Phase::failed)};
  EXPECT_EQ(state_of(all), ReleaseState::in_progress);
  EXPECT_EQ(title_of(all), "in progress: live in 1 of 3, failed in eu");
}

TEST(Release, is_live_when_all_are_and_names_where_it_failed) {
  EXPECT_EQ(title_of({member("pods", Phase::live), member("hosts", Phase::live)}), "live everywhere");
  EXPECT_EQ(title_of({member("pods", Phase::failed), member("hosts", Phase::live)}), "failed in pods");
  std::vector all{member("pods", Phase::live), member("hosts", Phase::superseded)};
  EXPECT_EQ(state_of(all), ReleaseState::mixed);
  EXPECT_EQ(title_of(all), "mixed: live in pods; superseded in hosts");
}

TEST(WayBack, leads_to_what_the_deploy_followed) {
  WayBack way = back(member("pods", Phase::live));
  EXPECT_EQ(name(way.kind), "goes");
  EXPECT_EQ(way.to, 3);
}

TEST(WayBack, is_not_needed_where_the_one_before_serves_still) {
  EXPECT_EQ(back(member("pods", Phase::failed)).why, "#3 serves still");
  EXPECT_EQ(name(back(member("pods", Phase::superseded)).kind), "not_needed");
}

TEST(WayBack, of_a_failed_run_brings_the_hosts_back_that_it_reached) {
  Deploy d = member("hosts", Phase::failed, 4, Deployer::ansible);
  EXPECT_EQ(name(back(d).kind), "not_needed") << "it found no host";
  d.object_name = "project_shop";
  EXPECT_EQ(name(back(d).kind), "goes");
}

TEST(WayBack, is_closed_by_a_later_deploy_by_one_under_way_and_where_nothing_ran_before) {
  Deploy d = member("pods", Phase::live), later = member("pods", Phase::live, 5);
  EXPECT_EQ(way_back(d, &later, &later, true).why, "#5 was asked for since");
  EXPECT_EQ(name(back(member("pods", Phase::settling)).kind), "cannot");
  EXPECT_EQ(name(back(d, false).kind), "cannot");
  d.follows.reset();
  EXPECT_EQ(back(d).why, "nothing served before #4");
}

}  // namespace
}  // namespace lemmy::release
