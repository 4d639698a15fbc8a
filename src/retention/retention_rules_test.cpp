#include "retention/retention_rules.h"

#include <gtest/gtest.h>

namespace lemmy::retention {
namespace {

using namespace std::chrono_literals;

const Time kNow = from_millis(1'790'000'000'000);

struct RetentionRules : testing::Test {
  RetentionRules() {
    policy.deploys = 3;
    policy.deploys_for = 10 * 24h;
    policy.builds = 2;
    policy.builds_for = 10 * 24h;
  }
  static Past old(int64_t number, bool live = false) {
    return {number, 5, kNow - 100 * 24h, true, live, 0, "abcdef0"};
  }
  // Numbers n to 1.
  static std::vector<Past> down_from(int64_t n) {
    std::vector<Past> out;
    for (; n > 0; --n) out.push_back(old(n));
    return out;
  }
  std::vector<int64_t> forgotten(const std::vector<Past>& all) const {
    std::vector<int64_t> out;
    for (const Past& d : to_forget(all, policy, kNow)) out.push_back(d.number);
    return out;
  }
  using Numbers = std::vector<int64_t>;
  config::Retention policy;
};

TEST_F(RetentionRules, the_newest_stay_and_the_oldest_go_first) {
  EXPECT_EQ(forgotten(down_from(6)), (Numbers{1, 2, 3}));
  EXPECT_EQ(forgotten(down_from(3)), Numbers{});
  EXPECT_EQ(forgotten({}), Numbers{});
}

TEST_F(RetentionRules, the_young_stay_however_many_there_are) {
  auto all = down_from(6);
  all[3].at = kNow - 10 * 24h + 1ms;
  all[4].at = kNow - 10 * 24h;
  EXPECT_EQ(forgotten(all), (Numbers{1, 2}));
  all[5].at = kNow + 24h;  // a clock that was set back
  EXPECT_EQ(forgotten(all), (Numbers{2}));
}

TEST_F(RetentionRules, what_is_not_over_stays) {
  auto all = down_from(6);
  all[4].over = false;
  EXPECT_EQ(forgotten(all), (Numbers{1, 3}));
}

TEST_F(RetentionRules, the_last_that_went_live_stays) {
  auto all = down_from(6);
  all[4].live = all[5].live = true;
  EXPECT_EQ(forgotten(all), (Numbers{1, 3}));
  all[0].live = true;
  EXPECT_EQ(forgotten(all), (Numbers{1, 2, 3}));
}

TEST_F(RetentionRules, what_a_kept_one_is_a_roll_back_of_stays_and_what_that_refers_to) {
  auto all = down_from(8);
  all[1].rollback_of = 4;
  all[4].rollback_of = 2;  // number 4
  all[3].rollback_of = 1;  // number 5, which goes
  EXPECT_EQ(forgotten(all), (Numbers{1, 3, 5}));
}

TEST_F(RetentionRules, a_limit_that_is_switched_off_keeps_all) {
  policy.deploys.reset();
  EXPECT_EQ(forgotten(down_from(9)), Numbers{});
  policy.deploys = 3;
  policy.deploys_for.reset();
  EXPECT_EQ(forgotten(down_from(9)), Numbers{});
  EXPECT_FALSE(forgets_deploys(policy));
}

TEST_F(RetentionRules, of_a_deploy_it_is_told_whether_it_is_over) {
  Deploy d;
  d.phase = Phase::cancelled;
  EXPECT_TRUE(past(d).over);
  for (Presence p : {Presence::running, Presence::zeroed}) {
    d.presence = p;
    EXPECT_FALSE(past(d).over);
  }
  d.presence = Presence::none;
  d.wanted = Wanted::deleted;
  EXPECT_FALSE(past(d).over);
  d.presence = Presence::deleted;
  EXPECT_TRUE(past(d).over);
  d.wanted = Wanted::zeroed;
  EXPECT_FALSE(past(d).over);
  d.wanted = Wanted::running;  // somebody deleted it
  EXPECT_TRUE(past(d).over);
  d.phase = Phase::settling;
  EXPECT_FALSE(past(d).over);
}

TEST_F(RetentionRules, builds_that_are_old_and_of_no_deploy_go) {
  Build b;
  b.sha = "abcdef0";
  b.pushed_at = kNow - 100 * 24h;
  EXPECT_TRUE(may_forget(b, 2, {}, policy, kNow));
  EXPECT_FALSE(may_forget(b, 1, {}, policy, kNow));
  EXPECT_FALSE(may_forget(b, 2, {"abcdef0"}, policy, kNow));
  b.pushed_at = kNow - 9 * 24h;
  EXPECT_FALSE(may_forget(b, 2, {}, policy, kNow));
  b.pushed_at = kNow - 100 * 24h;
  policy.builds_for.reset();
  EXPECT_FALSE(may_forget(b, 2, {}, policy, kNow));
}

}  // namespace
}  // namespace lemmy::retention
