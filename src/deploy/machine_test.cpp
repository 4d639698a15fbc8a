#include "deploy/machine.h"

#include <gmock/gmock.h>

namespace lemmy::deploy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

const Time kStart = from_millis(1'700'000'000'000);
Time at(int s) { return kStart + seconds{s}; }
const Rules kRules{seconds{600}, seconds{10}};

struct Machine : testing::Test {
  Deploy deploy(Phase phase = Phase::rolling_out) {
    Deploy d;
    d.target = {"hello", "staging"};
    d.number = 7;
    d.phase = phase;
    d.phase_at = kStart;
    return d;
  }
  Seen seen(int ready, int pods, int wanted, int fatal = 0) {
    rc.wanted = wanted;
    rc.observed = true;
    Seen s;
    s.rc = &rc;
    s.verdict.pods = pods;
    s.verdict.ready = ready;
    s.verdict.fatal = fatal;
    s.verdict.failed = pods > 0 && fatal == pods;
    if (fatal) {
      s.verdict.cause = Cause{};
      s.verdict.cause->summary = "container app: CrashLoopBackOff, exit code 3";
    }
    return s;
  }
  kube::ReplicationController rc;
};

TEST_F(Machine, all_ready_settles_and_then_is_live) {
  auto settling = advance(deploy(), seen(2, 2, 2), kRules, at(5), false);
  ASSERT_TRUE(settling);
  EXPECT_EQ(settling->deploy.phase, Phase::settling);
  EXPECT_EQ(until_next(settling->deploy, kRules, at(5)), seconds{10});
  // A note may be written, but it is not live before the settle time is over.
  auto early = advance(settling->deploy, seen(2, 2, 2), kRules, at(14), false);
  if (early) {
    EXPECT_EQ(early->deploy.phase, Phase::settling);
  }
  auto live = advance(settling->deploy, seen(2, 2, 2), kRules, at(15), false);
  ASSERT_TRUE(live);
  EXPECT_EQ(live->deploy.phase, Phase::live);
  EXPECT_EQ(live->deploy.serving_since, at(15));
  EXPECT_EQ(live->deploy.finished_at, at(15));
}

TEST_F(Machine, a_pod_that_is_lost_while_settling_starts_the_wait_again) {
  auto settling = advance(deploy(), seen(2, 2, 2), kRules, at(5), false);
  auto back = advance(settling->deploy, seen(1, 2, 2), kRules, at(9), false);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->deploy.phase, Phase::rolling_out);
  EXPECT_FALSE(back->deploy.ready_since);
}

TEST_F(Machine, readiness_that_comes_and_goes_is_no_progress) {
  Deploy d = deploy();
  for (int s = 5; s < 600; s += 5) {
    auto move = advance(d, seen(s % 10 ? 2 : 1, 2, 2), kRules, at(s), false);
    if (move) d = move->deploy;
    ASSERT_FALSE(is_finished(d.phase)) << s;
  }
  auto end = advance(d, seen(1, 2, 2), kRules, at(606), false);
  if (end && end->deploy.phase == Phase::rolling_out)
    end = advance(end->deploy, seen(1, 2, 2), kRules, at(607), false);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->deploy.phase, Phase::failed);
  EXPECT_THAT(end->deploy.cause->summary, HasSubstr("1 of 2 pods are ready, and no more for 10 min"));
}

TEST_F(Machine, each_further_ready_pod_gives_it_the_whole_time_again) {
  Deploy d = deploy();
  d = advance(d, seen(1, 3, 3), kRules, at(590), false)->deploy;
  auto later = advance(d, seen(1, 3, 3), kRules, at(1100), false);
  if (later) {
    EXPECT_FALSE(is_finished(later->deploy.phase));
  }
  auto end = advance(d, seen(1, 3, 3), kRules, at(1190), false);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->deploy.phase, Phase::failed);
}

TEST_F(Machine, it_fails_at_once_when_every_pod_is_fatal_but_not_before) {
  auto one = advance(deploy(), seen(0, 2, 2, 1), kRules, at(5), false);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->deploy.phase, Phase::rolling_out);
  EXPECT_THAT(one->deploy.note, HasSubstr("CrashLoopBackOff, exit code 3"));
  auto both = advance(deploy(), seen(0, 2, 2, 2), kRules, at(5), false);
  ASSERT_TRUE(both);
  EXPECT_EQ(both->deploy.phase, Phase::failed);
  EXPECT_EQ(both->deploy.cause->summary, "container app: CrashLoopBackOff, exit code 3");
  EXPECT_EQ(both->deploy.wanted, Wanted::running) << "a failed deploy is left in place to be looked at";
}

TEST_F(Machine, a_stuck_deploy_makes_way_for_its_fix) {
  auto busy = advance(deploy(), seen(0, 2, 2), kRules, at(5), true);
  if (busy) {
    EXPECT_EQ(busy->deploy.phase, Phase::rolling_out);
  }
  auto fatal = advance(deploy(), seen(0, 2, 2, 1), kRules, at(5), true);
  ASSERT_TRUE(fatal);
  EXPECT_EQ(fatal->deploy.phase, Phase::superseded);
  EXPECT_EQ(fatal->deploy.wanted, Wanted::zeroed);
  auto idle = advance(deploy(), seen(0, 2, 2), kRules, at(61), true);
  ASSERT_TRUE(idle);
  EXPECT_EQ(idle->deploy.phase, Phase::superseded);
}

TEST_F(Machine, a_controller_that_somebody_deleted_fails_it) {
  Seen s = seen(0, 0, 0);
  s.rc = nullptr;
  auto gone = advance(deploy(), s, kRules, at(5), false);
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->deploy.phase, Phase::failed);
  EXPECT_EQ(gone->deploy.presence, Presence::deleted);
}

TEST_F(Machine, a_stale_status_is_not_believed) {
  Seen s = seen(2, 2, 2);
  rc.observed = false;
  auto move = advance(deploy(), s, kRules, at(5), false);
  ASSERT_TRUE(move);
  EXPECT_EQ(move->deploy.phase, Phase::rolling_out);
}

TEST_F(Machine, a_finished_deploy_does_not_move) {
  for (Phase p : {Phase::live, Phase::failed, Phase::cancelled, Phase::superseded, Phase::queued})
    EXPECT_FALSE(advance(deploy(p), seen(0, 2, 2, 2), kRules, at(5000), true));
}

TEST(Replicas, start_at_what_is_live_within_the_new_bounds_when_autoscaled) {
  EXPECT_EQ(starting_replicas(2, 0, 0, 9), 2) << "not autoscaled";
  EXPECT_EQ(starting_replicas(2, 2, 10, 7), 7);
  EXPECT_EQ(starting_replicas(2, 2, 5, 7), 5);
  EXPECT_EQ(starting_replicas(2, 3, 10, 1), 3);
  EXPECT_EQ(starting_replicas(4, 2, 10, 0), 4) << "nothing is live";
  EXPECT_EQ(starting_replicas(0, 2, 10, 7), 0) << "somebody wants none";
}

Deploy finished(int64_t number, Phase phase, Presence presence, std::optional<int> serving = {}) {
  Deploy d;
  d.number = number;
  d.phase = phase;
  d.presence = presence;
  d.wanted = presence == Presence::zeroed ? Wanted::zeroed : Wanted::running;
  d.created_at = at(static_cast<int>(number));
  if (serving) d.serving_since = at(*serving);
  return d;
}

TEST(Queue, only_the_newest_waiting_deploy_goes_on) {
  std::vector<Deploy> all{
      finished(1, Phase::live, Presence::running, 1), finished(2, Phase::queued, Presence::none),
      finished(3, Phase::queued, Presence::none), finished(4, Phase::queued, Presence::none)};
  EXPECT_THAT(superseded(all), ElementsAre(Pair(2, 4), Pair(3, 4)));
  EXPECT_THAT(superseded({all[0], all[1]}), IsEmpty());
}

TEST(Queue, none_goes_on_after_a_newer_one_has_gone) {
  std::vector<Deploy> all{finished(1, Phase::queued, Presence::none),
                          finished(2, Phase::preparing, Presence::none)};
  EXPECT_THAT(superseded(all), ElementsAre(Pair(1, 2)));
  all[1].phase = Phase::live;
  EXPECT_THAT(superseded(all), ElementsAre(Pair(1, 2)));
  all[1].phase = Phase::cancelled;
  EXPECT_THAT(superseded(all), IsEmpty()) << "the newer one was taken back";
}

TEST(Retire, previous_deploys_are_zeroed_when_their_time_has_come) {
  config::Retire policy{seconds{600}, 1};
  std::vector<Deploy> all{finished(1, Phase::live, Presence::running, 10),
                          finished(2, Phase::live, Presence::running, 100)};
  EXPECT_THAT(due(all, policy, at(650), true), IsEmpty());
  EXPECT_EQ(until_due(all, policy, at(650)), seconds{50});
  EXPECT_THAT(due(all, policy, at(700), true), ElementsAre(Pair(1, Wanted::zeroed)));
  EXPECT_THAT(due(all, policy, at(700), false), IsEmpty()) << "they are all that answers";
  EXPECT_THAT(due(all, {}, at(5000), true), IsEmpty()) << "without a policy nothing happens by itself";
}

TEST(Retire, of_the_zeroed_ones_the_oldest_beyond_keep_are_deleted) {
  std::vector<Deploy> all{
      finished(1, Phase::live, Presence::zeroed, 10), finished(2, Phase::live, Presence::zeroed, 20),
      finished(3, Phase::failed, Presence::zeroed), finished(4, Phase::live, Presence::running, 40)};
  EXPECT_THAT(due(all, {std::nullopt, 1}, at(50), true),
              ElementsAre(Pair(2, Wanted::deleted), Pair(1, Wanted::deleted)));
}

TEST(Retire, nothing_goes_while_nobody_serves) {
  std::vector<Deploy> all{finished(1, Phase::failed, Presence::running),
                          finished(2, Phase::failed, Presence::running)};
  EXPECT_THAT(due(all, {seconds{1}, 0}, at(5000), true), IsEmpty());
}

TEST(Retire, a_restored_deploy_serves_and_the_newer_one_is_the_previous) {
  std::vector<Deploy> all{finished(1, Phase::live, Presence::running, 900),
                          finished(2, Phase::live, Presence::running, 100)};
  EXPECT_THAT(due(all, {seconds{60}, std::nullopt}, at(1000), true), ElementsAre(Pair(2, Wanted::zeroed)));
}

}  // namespace
}  // namespace lemmy::deploy
