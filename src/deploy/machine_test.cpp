#include "deploy/machine.h"

#include <gmock/gmock.h>

#include "deploy/stopwatch.h"

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
  EXPECT_EQ(until_next(settling->deploy, kRules, {}), seconds{10});
  EXPECT_EQ(until_next(settling->deploy, kRules, {seconds{0}, seconds{7}}), seconds{3});
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
  EXPECT_EQ(gone->deploy.presence, Presence::deleted);
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
  EXPECT_THAT(due(all, policy, seconds{550}), IsEmpty());
  EXPECT_TRUE(will_be_due(all, policy));
  EXPECT_THAT(due(all, policy, seconds{600}), ElementsAre(Pair(1, Wanted::zeroed)));
  EXPECT_THAT(due(all, policy, std::nullopt), IsEmpty()) << "they are all that answers";
  EXPECT_THAT(due(all, {}, seconds{5000}), IsEmpty()) << "without a policy nothing happens by itself";
}

TEST(Retire, of_the_zeroed_ones_those_beyond_keep_are_deleted_and_what_once_served_is_kept_first) {
  std::vector<Deploy> all{
      finished(1, Phase::live, Presence::zeroed, 10), finished(2, Phase::live, Presence::zeroed, 20),
      finished(3, Phase::failed, Presence::zeroed), finished(4, Phase::live, Presence::running, 40)};
  EXPECT_THAT(due(all, {std::nullopt, 1}, seconds{10}),
              ElementsAre(Pair(1, Wanted::deleted), Pair(3, Wanted::deleted)));
}

TEST(Retire, nothing_goes_while_nobody_serves) {
  std::vector<Deploy> all{finished(1, Phase::failed, Presence::running),
                          finished(2, Phase::failed, Presence::running)};
  EXPECT_THAT(due(all, {seconds{1}, 0}, seconds{5000}), IsEmpty());
}

TEST(Retire, a_failed_deploy_that_is_newer_stays_to_be_looked_at) {
  std::vector<Deploy> all{finished(1, Phase::failed, Presence::running),
                          finished(2, Phase::live, Presence::running, 20),
                          finished(3, Phase::failed, Presence::running)};
  EXPECT_THAT(due(all, {seconds{1}, std::nullopt}, seconds{60}), ElementsAre(Pair(1, Wanted::zeroed)));
}

TEST(Retire, a_restored_deploy_serves_and_the_newer_one_is_the_previous) {
  std::vector<Deploy> all{finished(1, Phase::live, Presence::running, 900),
                          finished(2, Phase::live, Presence::running, 100)};
  EXPECT_THAT(due(all, {seconds{60}, std::nullopt}, seconds{100}), ElementsAre(Pair(2, Wanted::zeroed)));
}

// A clock that was set back made the old build the serving one, and the policy zeroed the new one.
TEST(Serves, is_a_counter_and_no_clock) {
  std::vector<Deploy> all{finished(1, Phase::live, Presence::running, 900),
                          finished(2, Phase::live, Presence::running, 100)};
  all[0].serves = 1;
  all[1].serves = 2;
  EXPECT_EQ(current_deploy(all)->number, 2);
  EXPECT_THAT(due(all, {seconds{60}, std::nullopt}, seconds{60}), ElementsAre(Pair(1, Wanted::zeroed)));
}

TEST(Serves, what_a_lemmy_of_before_kept_is_ordered_by_time_and_comes_before_what_is_counted) {
  std::vector<Deploy> all{finished(1, Phase::live, Presence::running, 900),
                          finished(2, Phase::live, Presence::running, 100)};
  EXPECT_EQ(current_deploy(all)->number, 1);
  all.push_back(finished(3, Phase::live, Presence::running, 50));
  all[2].serves = 1;
  EXPECT_EQ(current_deploy(all)->number, 3);
}

}  // namespace
}  // namespace lemmy::deploy
