// Who gets requests when somebody rolls back.
#include <gtest/gtest.h>

#include "deploy/turns_fixture_test.h"

namespace lemmy::deploy {
namespace {

TEST_F(Turns, a_roll_back_takes_out_what_it_follows_as_soon_as_it_is_ready) {
  EXPECT_EQ(now(), Each{});
  back.phase = Phase::settling;
  EXPECT_EQ(now(), (Each{{2, 3}}));
  bad.out_by = 3;
  EXPECT_EQ(now(), Each{}) << "once";
}

TEST_F(Turns, another_deploy_takes_nothing_out) {
  back.rollback_of.reset();
  back.phase = Phase::settling;
  EXPECT_EQ(now(), Each{});
}

TEST_F(Turns, when_asked_so_it_is_taken_out_before) {
  back.phase = Phase::preparing;
  back.presence = Presence::none;
  EXPECT_EQ(now(), Each{});
  back.at_once = true;
  EXPECT_EQ(now(), (Each{{2, 3}}));
  back.phase = Phase::queued;
  EXPECT_EQ(now(), (Each{{2, 3}})) << "though it waits for another deploy";
  back.at_once = false;
  EXPECT_EQ(now(), Each{}) << "it has not begun";
}

TEST_F(Turns, a_roll_back_that_comes_to_nothing_lets_it_in_again) {
  bad.out_by = 3;
  for (Phase over : {Phase::failed, Phase::cancelled, Phase::superseded, Phase::rolling_out}) {
    back.phase = over;
    EXPECT_EQ(now(), (Each{{2, 0}})) << name(over);
  }
}

TEST_F(Turns, one_that_went_live_keeps_it_out_also_when_it_is_gone_itself_while_others_answer) {
  bad.out_by = 3;
  back.phase = Phase::live;
  back.serves = 3;
  back.serving_since = Time{};
  EXPECT_EQ(now(), Each{});
  Deploy later = made(4, Phase::live);
  later.serving_since = Time{};
  later.serves = 4;
  others = {later};
  back.presence = Presence::zeroed;
  EXPECT_EQ(now(), Each{});
  others.clear();
  EXPECT_EQ(now(), (Each{{2, 0}})) << "nothing else answers";
  bad.out_by = 9;
  EXPECT_EQ(now(), (Each{{2, 0}})) << "and nobody knows what took it out";
}

TEST_F(Turns, a_roll_back_over_several_takes_all_of_them_out) {
  Deploy between = made(5, Phase::live), first = made(1, Phase::live);
  first.serves = 1, between.serves = 5;
  first.serving_since = between.serving_since = Time{};
  back.number = 6;
  back.rollback_of = 1;
  back.follows = 5;
  back.phase = Phase::settling;
  others = {between, first};
  EXPECT_EQ(now(), (Each{{2, 6}, {5, 6}})) << "not that to which it goes back";
}

TEST_F(Turns, what_failed_is_taken_out_once_others_answer) {
  back.rollback_of.reset();
  back.phase = Phase::failed;
  EXPECT_EQ(now(), (Each{{3, 3}}));
  quarantine = false;
  EXPECT_EQ(now(), Each{});
  quarantine = true;
  bad.presence = Presence::zeroed;
  EXPECT_EQ(now(), Each{}) << "it is all that answers";
}

TEST_F(Turns, nobody_is_taken_out_while_nothing_else_is_ready) {
  back.rollback_of.reset();
  back.phase = Phase::failed;
  for (Ready r : {Ready::no, Ready::unsure}) {
    ready[2] = r;
    EXPECT_EQ(now(), Each{}) << "it is all that answers";
  }
}

TEST_F(Turns, what_failed_is_let_in_again_while_nothing_else_is_ready) {
  back.rollback_of.reset();
  back.phase = Phase::failed;
  back.out_by = 3;
  EXPECT_EQ(now(), Each{});
  ready[2] = Ready::unsure;
  EXPECT_EQ(now(), Each{}) << "for a moment only";
  ready[2] = Ready::no;
  EXPECT_EQ(now(), (Each{{3, 0}}));
  ready[3] = Ready::no;
  EXPECT_EQ(now(), Each{}) << "it could not answer either";
}

TEST_F(Turns, what_a_roll_back_took_out_is_let_in_while_that_is_not_ready) {
  back.phase = Phase::live;
  back.serves = 3;
  back.serving_since = Time{};
  bad.out_by = 3;
  EXPECT_EQ(now(), Each{});
  ready[3] = Ready::no;
  EXPECT_EQ(now(), (Each{{2, 0}}));
  bad.out_by = 0;
  EXPECT_EQ(now(), Each{});
  ready[3] = Ready::unsure;
  EXPECT_EQ(now(), Each{});
  ready[3] = Ready::yes;
  EXPECT_EQ(now(), (Each{{2, 3}})) << "as before";
}

TEST_F(Turns, a_roll_back_that_comes_back_takes_out_with_all_its_pods_only) {
  back.phase = Phase::live;
  back.serves = 3;
  back.serving_since = Time{};
  ready[3] = Ready::part;
  EXPECT_EQ(now(), Each{}) << "one pod would answer for all";
  ready[3] = Ready::yes;
  EXPECT_EQ(now(), (Each{{2, 3}}));
  bad.out_by = 3;
  ready[3] = Ready::part;
  EXPECT_EQ(now(), Each{}) << "what is out stays out while some answer";
}

TEST_F(Turns, what_was_live_once_is_let_in_before_what_never_was) {
  Deploy failed = made(4, Phase::failed);
  failed.out_by = 4;
  back.phase = Phase::live;
  back.serves = 3;
  back.serving_since = Time{};
  bad.out_by = 3;
  others = {failed};
  ready[3] = Ready::no;
  EXPECT_EQ(now(), (Each{{2, 0}}));
  bad.out_by = 0;
  EXPECT_EQ(now(), Each{}) << "it is not needed any more";
  bad.out_by = 3;
  others[0].out_by = 0;
  EXPECT_EQ(now(), (Each{{2, 0}})) << "though the failed one answers";
  ready[2] = Ready::again;
  EXPECT_EQ(now(), (Each{{2, 0}})) << "at once";
}

TEST_F(Turns, what_serves_answers_once_what_took_its_place_is_gone) {
  Deploy first = made(1, Phase::live);
  first.serves = 1;
  first.serving_since = Time{};
  others = {first};
  back.phase = Phase::live;
  back.serves = 3;
  back.serving_since = Time{};
  bad.out_by = 3;
  EXPECT_EQ(now(), Each{});
  back.presence = Presence::zeroed;
  EXPECT_EQ(now(), (Each{{2, 0}}));
}

TEST_F(Turns, a_roll_back_without_a_ready_pod_takes_nobody_out) {
  back.phase = Phase::settling;
  ready[3] = Ready::no;
  EXPECT_EQ(now(), Each{}) << "it would be let in again, and taken out again";
  ready[3] = Ready::unsure;
  EXPECT_EQ(now(), (Each{{2, 3}}));
}

// What is decided is not decided otherwise in the next step, whatever the phases and whoever is ready.
TEST_F(Turns, come_to_rest) {
  int seen = 0;
  for (Phase phase : {Phase::queued, Phase::preparing, Phase::applying, Phase::rolling_out, Phase::settling,
                      Phase::live, Phase::failed, Phase::cancelled, Phase::superseded})
    for (Phase of_bad : {Phase::live, Phase::failed, Phase::cancelled})
      for (bool at_once : {false, true})
        for (bool served : {false, true})
          for (Ready three : {Ready::yes, Ready::part, Ready::again, Ready::unsure, Ready::no})
            for (Ready two : {Ready::yes, Ready::part, Ready::again, Ready::unsure, Ready::no})
              for (int64_t out_by : {0, 2, 3}) {
                back.phase = phase;
                back.at_once = at_once;
                back.serves = served && phase == Phase::live ? 3 : 0;
                back.serving_since = back.serves ? std::optional(Time{}) : std::nullopt;
                bad.phase = of_bad;
                bad.serves = of_bad == Phase::live ? 2 : 0;
                bad.serving_since = bad.serves ? std::optional(Time{}) : std::nullopt;
                bad.out_by = out_by;
                back.out_by = 0;
                ready[2] = two;
                ready[3] = three;
                int steps = 0;
                for (Each next; steps < 5 && !(next = now()).empty(); ++steps)
                  for (auto [number, by] : next) (number == 2 ? bad : back).out_by = by;
                EXPECT_LT(steps, 5) << name(phase) << " " << name(of_bad) << " at once " << at_once
                                    << " serves " << served << " ready " << int(two) << int(three)
                                    << " out by " << out_by;
                ++seen;
              }
  EXPECT_EQ(seen, 9 * 3 * 2 * 2 * 5 * 5 * 3);
}

TEST_F(Turns, one_that_is_ready_again_takes_nobody_out_yet) {
  back.phase = Phase::live;
  back.serves = 3;
  back.serving_since = Time{};
  ready[3] = Ready::again;
  EXPECT_EQ(now(), Each{});
}

TEST_F(Turns, who_asked_for_it_at_once_asked_for_nothing_meanwhile) {
  back.at_once = true;
  bad.out_by = 3;
  ready[3] = Ready::no;
  EXPECT_EQ(now(), Each{});
}

TEST_F(Turns, what_was_cancelled_and_restored_gets_none_while_others_answer) {
  back.rollback_of.reset();
  back.phase = Phase::cancelled;
  EXPECT_EQ(now(), (Each{{3, 3}}));
}

TEST_F(Turns, a_roll_back_that_ended_under_a_lemmy_of_before_took_nothing_out) {
  bad.serves = 0;
  back.phase = Phase::live;
  back.serving_since = Time{};
  EXPECT_EQ(now(), Each{});
}

TEST_F(Turns, what_was_restored_after_the_roll_back_answers) {
  back.phase = Phase::live;
  back.serves = 3;
  bad.serves = 4;
  EXPECT_EQ(now(), Each{});
}

TEST_F(Turns, what_failed_is_not_let_in_by_others) {
  bad.phase = Phase::failed;
  bad.out_by = 2;
  bad.serving_since.reset();
  back.phase = Phase::failed;
  EXPECT_EQ(now(), Each{});
}

}  // namespace
}  // namespace lemmy::deploy
