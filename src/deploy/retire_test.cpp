// Which deploys wait for nothing any more: those in the queue, and those that served before.
#include <gmock/gmock.h>

#include "deploy/machine.h"

namespace lemmy::deploy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

Deploy finished(int64_t number, Phase phase, Presence presence, std::optional<int> serving = {}) {
  Deploy d;
  d.number = number;
  d.phase = phase;
  d.presence = presence;
  d.wanted = presence == Presence::zeroed ? Wanted::zeroed : Wanted::running;
  d.created_at = Time{} + seconds{number};
  if (serving) d.serving_since = Time{} + seconds{*serving};
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

TEST(Retire, what_is_newer_than_the_one_that_serves_is_not_deleted_either) {
  std::vector<Deploy> all{finished(1, Phase::live, Presence::zeroed, 10),
                          finished(2, Phase::live, Presence::running, 20),
                          finished(3, Phase::cancelled, Presence::zeroed)};
  EXPECT_THAT(due(all, {std::nullopt, 0}, seconds{10}), ElementsAre(Pair(1, Wanted::deleted)));
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
