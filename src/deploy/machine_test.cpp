#include "deploy/machine.h"

#include <gmock/gmock.h>

#include "deploy/stopwatch.h"

namespace lemmy::deploy {
namespace {

using testing::HasSubstr;

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
  Sight seen(int ready, int pods, int wanted, int fatal = 0) {
    Sight s;
    s.wanted = wanted;
    s.pods = pods;
    s.ready = ready;
    s.fatal = fatal;
    s.failed = pods > 0 && fatal == pods;
    if (fatal) {
      s.cause = Cause{};
      s.cause->summary = "container app: CrashLoopBackOff, exit code 3";
    }
    return s;
  }
  // `idle` and `ready`: seconds by the steady clock. The wall clock says what it likes.
  std::optional<Move> step(const Deploy& d, const Sight& s, int idle, int ready = 0, bool newer = false,
                           int wall = 5) {
    return advance(d, s, kRules, {seconds{idle}, seconds{ready}}, at(wall), newer, 42);
  }
};

TEST_F(Machine, all_ready_settles_and_then_is_live) {
  auto settling = step(deploy(), seen(2, 2, 2), 5);
  ASSERT_TRUE(settling);
  EXPECT_EQ(settling->deploy.phase, Phase::settling);
  EXPECT_EQ(until_next(settling->deploy, Sight{}, kRules, {}), seconds{10});
  EXPECT_EQ(until_next(settling->deploy, Sight{}, kRules, {seconds{0}, seconds{7}}), seconds{3});
  auto early = step(settling->deploy, seen(2, 2, 2), 5, 9);
  EXPECT_TRUE(!early || early->deploy.phase == Phase::settling) << "not before the settle time is over";
  auto live = step(settling->deploy, seen(2, 2, 2), 5, 10, false, 15);
  ASSERT_TRUE(live);
  EXPECT_EQ(live->deploy.phase, Phase::live);
  EXPECT_EQ(live->deploy.serving_since, at(15));
  EXPECT_EQ(live->deploy.serves, 42) << "whatever the clock says";
  EXPECT_EQ(live->deploy.finished_at, at(15));
}

TEST_F(Machine, a_pod_that_is_lost_while_settling_starts_the_wait_again) {
  auto settling = step(deploy(), seen(2, 2, 2), 5);
  auto back = step(settling->deploy, seen(1, 2, 2), 5, 4);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->deploy.phase, Phase::rolling_out);
  EXPECT_FALSE(back->deploy.ready_since);
}

TEST_F(Machine, readiness_that_comes_and_goes_is_no_progress) {
  Deploy d = deploy();
  for (int s = 5; s < 600; s += 5) {
    auto move = step(d, seen(s % 10 ? 2 : 1, 2, 2), d.most_ready == 2 ? s - 5 : s);
    if (move) d = move->deploy;
    ASSERT_FALSE(is_finished(d.phase)) << s;
  }
  auto end = step(d, seen(1, 2, 2), 601);
  if (end && end->deploy.phase == Phase::rolling_out) end = step(end->deploy, seen(1, 2, 2), 602);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->deploy.phase, Phase::failed);
  EXPECT_THAT(end->deploy.cause->summary, HasSubstr("1 of 2 pods are ready, and no more for 10 min"));
}

TEST_F(Machine, each_further_ready_pod_gives_it_the_whole_time_again) {
  auto first = step(deploy(), seen(1, 3, 3), 590);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->deploy.idle, seconds{0}) << "what was used is given back";
  auto end = step(first->deploy, seen(1, 3, 3), 600);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->deploy.phase, Phase::failed);
}

// A step of a day either way moves nothing.
TEST_F(Machine, a_step_of_the_wall_clock_neither_fails_a_deploy_nor_makes_it_live) {
  constexpr int kDay = 86'400;
  for (int wall : {-kDay, kDay}) {
    auto rolling = step(deploy(), seen(1, 2, 2), 2, 0, true, wall);
    ASSERT_TRUE(rolling);
    EXPECT_EQ(rolling->deploy.phase, Phase::rolling_out) << wall;
    auto settling = step(deploy(Phase::settling), seen(2, 2, 2), 2, 1, true, wall);
    EXPECT_TRUE(!settling || settling->deploy.phase == Phase::settling) << wall;
    auto live = step(deploy(Phase::settling), seen(2, 2, 2), 2, 10, true, wall);
    ASSERT_TRUE(live);
    EXPECT_EQ(live->deploy.phase, Phase::live) << wall;
  }
}

TEST_F(Machine, what_was_waited_is_kept_now_and_then_for_whoever_takes_over) {
  Deploy d = step(deploy(), seen(1, 2, 2), 0)->deploy;
  EXPECT_FALSE(step(d, seen(1, 2, 2), 20));
  auto kept = step(d, seen(1, 2, 2), 40);
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->deploy.idle, seconds{40});
  EXPECT_TRUE(kept->events.empty());
}

TEST_F(Machine, it_fails_at_once_when_every_pod_is_fatal_but_not_before) {
  auto one = step(deploy(), seen(0, 2, 2, 1), 5);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->deploy.phase, Phase::rolling_out);
  EXPECT_THAT(one->deploy.note, HasSubstr("CrashLoopBackOff, exit code 3"));
  auto both = step(deploy(), seen(0, 2, 2, 2), 5);
  ASSERT_TRUE(both);
  EXPECT_EQ(both->deploy.phase, Phase::failed);
  EXPECT_EQ(both->deploy.cause->summary, "container app: CrashLoopBackOff, exit code 3");
  EXPECT_EQ(both->deploy.wanted, Wanted::running) << "a failed deploy is left in place to be looked at";
}

TEST_F(Machine, a_stuck_deploy_makes_way_for_its_fix) {
  auto busy = step(deploy(), seen(0, 2, 2), 5, 0, true);
  EXPECT_TRUE(!busy || busy->deploy.phase == Phase::rolling_out);
  auto fatal = step(deploy(), seen(0, 2, 2, 1), 5, 0, true);
  ASSERT_TRUE(fatal);
  EXPECT_EQ(fatal->deploy.phase, Phase::superseded);
  EXPECT_EQ(fatal->deploy.wanted, Wanted::zeroed);
  auto idle = step(deploy(), seen(0, 2, 2), 61, 0, true);
  ASSERT_TRUE(idle);
  EXPECT_EQ(idle->deploy.phase, Phase::superseded);
}

TEST_F(Machine, a_controller_that_somebody_deleted_fails_it) {
  Sight s = seen(0, 0, 0);
  s.there = false;
  auto gone = step(deploy(), s, 5);
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->deploy.phase, Phase::failed);
  EXPECT_EQ(gone->deploy.wanted, Wanted::deleted) << "what else is of it is taken away";
  s.pods = 2;
  s.ready = 1;
  auto left = step(deploy(), s, 5);
  ASSERT_TRUE(left);
  EXPECT_EQ(left->deploy.phase, Phase::failed);
  EXPECT_EQ(left->deploy.presence, Presence::running) << "its pods were not deleted with it";
  EXPECT_EQ(left->deploy.wanted, Wanted::running);
}

TEST_F(Machine, what_was_asked_for_is_its_own_number_not_what_somebody_set) {
  Deploy d = deploy();
  d.replicas = 3;
  auto zeroed = step(d, seen(0, 0, 0), 5);
  ASSERT_TRUE(zeroed);
  EXPECT_EQ(zeroed->deploy.phase, Phase::rolling_out) << "no pods are not all pods";
  EXPECT_THAT(zeroed->deploy.note, HasSubstr("its controller was set to 0"));
  Sight scaled = seen(5, 5, 5);
  scaled.autoscaled = true;
  auto more = step(d, scaled, 5);
  ASSERT_TRUE(more);
  EXPECT_EQ(more->deploy.phase, Phase::settling) << "an autoscaler may set another";
}

TEST_F(Machine, who_wants_more_pods_is_not_a_pod_that_is_not_ready_any_more) {
  Deploy d = deploy(Phase::settling);
  in_places(d, [](DeployPlace& p) { p.running = 2; });
  Sight more = seen(2, 3, 3);
  more.autoscaled = true;
  auto move = step(d, more, 5);
  ASSERT_TRUE(move);
  EXPECT_EQ(move->deploy.phase, Phase::rolling_out);
  EXPECT_THAT(move->events.at(0).text, HasSubstr("its autoscaler asks for more"));
  move = step(d, seen(1, 2, 2), 5);
  ASSERT_TRUE(move);
  EXPECT_THAT(move->events.at(0).text, HasSubstr("a pod is not ready any more"));
}

TEST_F(Machine, a_stale_status_is_not_believed) {
  Sight s = seen(2, 2, 2);
  s.observed = false;
  auto move = step(deploy(), s, 5);
  ASSERT_TRUE(move);
  EXPECT_EQ(move->deploy.phase, Phase::rolling_out);
}

TEST_F(Machine, a_finished_deploy_does_not_move) {
  for (Phase p : {Phase::live, Phase::failed, Phase::cancelled, Phase::superseded, Phase::queued})
    EXPECT_FALSE(step(deploy(p), seen(0, 2, 2, 2), 5000, 0, true));
}

TEST(Stopwatch, counts_only_while_somebody_looks) {
  Stopwatch w(seconds{3});
  const Clock::time_point start{};
  w.look(start, seconds{10});
  EXPECT_EQ(w.count(), seconds{3}) << "carried over";
  w.look(start + seconds{4}, seconds{10});
  EXPECT_EQ(w.count(), seconds{7});
  w.look(start + seconds{1000}, seconds{10});
  EXPECT_EQ(w.count(), seconds{17}) << "the process was stopped";
  w.pause();
  w.look(start + seconds{1008}, seconds{10});
  EXPECT_EQ(w.count(), seconds{17}) << "nobody could see";
  w.reset();
  EXPECT_EQ(w.count(), seconds{0});
}

TEST(Replicas, start_at_what_is_live_within_the_new_bounds_when_autoscaled) {
  EXPECT_EQ(starting_replicas(2, 0, 0, 9), 2) << "not autoscaled";
  EXPECT_EQ(starting_replicas(2, 2, 10, 7), 7);
  EXPECT_EQ(starting_replicas(2, 2, 5, 7), 5);
  EXPECT_EQ(starting_replicas(2, 3, 10, 1), 3);
  EXPECT_EQ(starting_replicas(4, 2, 10, 0), 4) << "nothing is live";
  EXPECT_EQ(starting_replicas(0, 2, 10, 7), 0) << "somebody wants none";
}

}  // namespace
}  // namespace lemmy::deploy
