#include "hosts/instance_rules.h"

#include <gmock/gmock.h>

namespace lemmy::hosts {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

const Time kNow = from_millis(1'790'000'000'000);

Instance asked(int64_t times = 1) {
  Instance i;
  i.target = {"web", "staging"};
  i.id = "i-1";
  i.address = "10.0.0.7";
  i.asked = times;
  i.first_asked_at = i.asked_at = kNow;
  return i;
}

ansible::Host host(ansible::HostState state) {
  ansible::Host h;
  h.name = "web-1";
  h.state = state;
  h.task = "Start it";
  h.message = "no room";
  h.done = true;
  h.complete = state > ansible::HostState::running && state < ansible::HostState::failed;
  return h;
}

Error missing() { return {ErrorCode::not_found, "i-1", "not there", "tag it"}; }

TEST(Directory, finds_by_id_then_by_address) {
  Directory d(
      {{"web-1", {"i-1"}, {"10.0.0.1"}}, {"web-2", {}, {"10.0.0.7", "10.0.0.7"}}, {"i-9", {"i-9"}, {}}});
  EXPECT_EQ(*d.find(asked()), "web-1") << "the id goes before the address";
  Instance other = asked();
  other.id = "i-2";
  EXPECT_EQ(*d.find(other), "web-2");
  other.id = "i-9";
  EXPECT_EQ(*d.find(other), "i-9");
  other.id = "i-3";
  other.address = "10.0.0.9";
  EXPECT_EQ(d.find(other).error().code, ErrorCode::not_found);
}

TEST(Directory, does_not_choose_between_two) {
  Directory d({{"web-1", {}, {"10.0.0.7"}}, {"web-2", {}, {"10.0.0.7"}}});
  auto found = d.find(asked());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::conflict);
  EXPECT_THAT(found.error().what, HasSubstr("web-1, web-2"));
}

TEST(InstanceRules, a_call_is_due_until_a_run_begins) {
  EXPECT_TRUE(is_due(asked(), kNow));
  Instance i = begun(asked(), "web-1", "7-1", kNow);
  EXPECT_EQ(i.result.state, InstanceState::running);
  EXPECT_FALSE(i.pending());
  EXPECT_TRUE(is_due(i, kNow)) << "a server that starts runs it again";
}

TEST(InstanceRules, a_call_while_it_runs_makes_another_run) {
  Instance i = begun(asked(), "web-1", "7-1", kNow);
  auto ok = host(ansible::HostState::changed);
  i = ended(i, &ok, {7, "abcdef0"}, "", kNow);
  EXPECT_FALSE(is_due(i, kNow + 1h));
  EXPECT_EQ(i.result.state, InstanceState::converged);
  EXPECT_EQ(i.result.sha, "abcdef0");
  EXPECT_EQ(i.result.deploy, 7);
  i.asked = 2;  // it came before the end
  EXPECT_TRUE(is_due(i, kNow));
}

TEST(InstanceRules, what_is_not_in_the_inventory_is_tried_later_and_later_for_an_hour) {
  Instance i = asked();
  Time at = kNow;
  std::vector<int64_t> waits;
  while (true) {
    i = not_there(i, missing(), at);
    EXPECT_EQ(i.result.state, InstanceState::unknown);
    EXPECT_FALSE(i.pending());
    if (!i.result.next_try) break;
    EXPECT_FALSE(is_due(i, at));
    waits.push_back((*i.result.next_try - at).count() / 1000);
    at = *i.result.next_try;
    EXPECT_TRUE(is_due(i, at));
  }
  EXPECT_EQ(std::vector<int64_t>(waits.begin(), waits.begin() + 8),
            (std::vector<int64_t>{5, 10, 20, 40, 80, 160, 300, 300}));
  EXPECT_GE(at - kNow, 1h);
  EXPECT_THAT(i.result.why, HasSubstr("given up after an hour"));
  EXPECT_THAT(i.result.why, HasSubstr("tag it"));
  i.asked = 2;
  i.asked_at = at;
  EXPECT_EQ(not_there(i, missing(), at).result.next_try, at + 5s) << "a new call begins anew";
}

TEST(InstanceRules, a_task_that_fails_is_tried_three_times) {
  Instance i = asked();
  auto bad = host(ansible::HostState::failed);
  for (int n = 1; n <= 3; ++n) {
    i = ended(begun(i, "web-1", "7-1", kNow), &bad, {7, "abcdef0"}, "", kNow);
    EXPECT_EQ(i.result.state, InstanceState::failed);
    EXPECT_EQ(i.result.next_try.has_value(), n < 3) << n;
  }
  EXPECT_THAT(i.result.why, HasSubstr("task 'Start it' failed: no room"));
  EXPECT_THAT(i.result.why, HasSubstr("given up after 3 runs"));
  EXPECT_EQ(i.result.deploy, 0) << "it has none";
}

TEST(InstanceRules, looking_for_a_host_is_no_run_that_failed) {
  Instance i = asked();
  for (int n = 0; n < 5; ++n) i = not_there(i, missing(), kNow);
  auto failed = host(ansible::HostState::failed);
  i = ended(begun(i, "web-1", "7-1", kNow), &failed, {7, "a"}, "", kNow);
  EXPECT_TRUE(i.result.next_try) << i.result.why;
}

TEST(InstanceRules, an_unreachable_host_is_tried_for_an_hour) {
  Instance i = asked();
  auto gone = host(ansible::HostState::unreachable);
  for (int n = 1; n < kGiveUpTries; ++n) {
    // Its clock is set: a day ahead, a day back.
    const Time at = kNow + 24h * (n % 3 - 1);
    i = ended(begun(i, "web-1", "7-1", at), &gone, {7, "a"}, "", at);
    EXPECT_TRUE(i.result.next_try) << n;
  }
  EXPECT_TRUE(is_due(i, kNow - 48h)) << "no wait is that long";
  i = ended(begun(i, "web-1", "7-1", kNow), &gone, {7, "a"}, "", kNow);
  EXPECT_FALSE(i.result.next_try);
}

TEST(InstanceRules, a_run_that_never_came_to_the_host_says_why) {
  Instance i = ended(begun(asked(), "web-1", "7-1", kNow), nullptr, {7, "a"}, "the role is broken", kNow);
  EXPECT_EQ(i.result.state, InstanceState::failed);
  EXPECT_THAT(i.result.why, HasSubstr("the role is broken"));
  auto waiting = host(ansible::HostState::waiting);
  i = ended(begun(asked(), "web-1", "7-1", kNow), &waiting, {7, "a"}, "", kNow);
  EXPECT_THAT(i.result.why, HasSubstr("before it came to this host"));
}

TEST(InstanceRules, a_host_on_which_the_play_was_broken_off_does_not_have_the_build) {
  auto cut = host(ansible::HostState::changed);
  cut.complete = cut.done = false;
  Instance i = ended(begun(asked(), "web-1", "7-1", kNow), &cut, {7, "a"}, "it was killed", kNow);
  EXPECT_EQ(i.result.state, InstanceState::failed);
  EXPECT_EQ(i.result.why, "the run ended before all was done on this host: it was killed");
  cut.done = true;
  cut.message = "given up";
  i = ended(begun(asked(), "web-1", "7-1", kNow), &cut, {7, "a"}, "a warning", kNow);
  EXPECT_EQ(i.result.why, "the run ended before all was done on this host: given up");
  EXPECT_TRUE(i.result.next_try);
}

TEST(InstanceRules, what_is_cut_short_is_run_at_once) {
  Instance i = interrupted(begun(asked(), "web-1", "7-1", kNow), kNow);
  EXPECT_EQ(i.result.state, InstanceState::waiting);
  EXPECT_TRUE(is_due(i, kNow));
}

TEST(InstanceRules, what_is_held_stays_due_and_is_written_once) {
  auto i = held(asked(), missing());
  ASSERT_TRUE(i);
  EXPECT_TRUE(is_due(*i, kNow));
  EXPECT_FALSE(held(*i, missing()));
  auto left_running = held(begun(asked(), "web-1", "7-1", kNow), missing());
  ASSERT_TRUE(left_running);
  EXPECT_TRUE(is_due(*left_running, kNow)) << "a restart loses nothing";
}

TEST(InstanceRules, a_deploy_that_reached_the_host_leaves_nothing_to_do) {
  auto ok = host(ansible::HostState::ok);
  Instance i = ended(begun(asked(), "web-1", "7-1", kNow), &ok, {7, "a"}, "", kNow);
  EXPECT_FALSE(after_deploy(i, "web-1", {7, "a"}, {}, kNow)) << "it has that already";
  auto has = after_deploy(i, "web-1", {8, "b"}, {{"web-1"}, kNow}, kNow);
  ASSERT_TRUE(has);
  EXPECT_EQ(has->result.deploy, 8);
  EXPECT_FALSE(is_due(*has, kNow));
  auto runs = after_deploy(i, "web-1", {8, "b"}, {{"web-2"}, kNow}, kNow);
  ASSERT_TRUE(runs);
  EXPECT_TRUE(is_due(*runs, kNow));
  EXPECT_THAT(runs->result.why, HasSubstr("#8 went live without it"));
}

TEST(InstanceRules, a_host_that_failed_gets_a_chance_with_each_deploy_and_only_one) {
  auto bad = host(ansible::HostState::failed);
  Instance i = asked();
  for (int n = 0; n < 3; ++n) i = ended(begun(i, "web-1", run_name(7, kNow), kNow), &bad, {7, "a"}, "", kNow);
  EXPECT_FALSE(after_deploy(i, "web-1", {7, "a"}, {}, kNow));
  EXPECT_TRUE(after_deploy(i, "web-1", {8, "b"}, {}, kNow));
  EXPECT_FALSE(after_deploy(asked(), "web-1", {8, "b"}, {}, kNow)) << "it is pending anyway";
}

TEST(InstanceRules, a_deploy_answers_the_calls_from_before_its_run_on_the_hosts_it_reached) {
  const Time after = asked().asked_at + milliseconds{1};
  auto has = after_deploy(asked(), "web-1", {8, "b"}, {{"web-1"}, after}, after);
  ASSERT_TRUE(has);
  EXPECT_FALSE(has->pending());
  EXPECT_FALSE(is_due(*has, after));
  EXPECT_EQ(has->result.state, InstanceState::converged);
  EXPECT_EQ(has->result.host, "web-1");
  EXPECT_EQ(has->result.sha, "b");
  EXPECT_FALSE(after_deploy(asked(), "web-1", {8, "b"}, {{"web-1"}, asked().asked_at}, after))
      << "called later";
  EXPECT_FALSE(after_deploy(asked(), "web-1", {8, "b"}, {{"web-2"}, after}, after)) << "was not reached";
  EXPECT_FALSE(after_deploy(asked(), "", {8, "b"}, {{"web-1"}, after}, after)) << "is not in the inventory";
  // Its run was cut by the deploy, or it was not in the inventory before.
  for (const Instance& i :
       {interrupted(begun(asked(), "web-1", "7-1", kNow), kNow), not_there(asked(), missing(), kNow)}) {
    ASSERT_FALSE(i.pending());
    auto too = after_deploy(i, "web-1", {8, "b"}, {{"web-1"}, after}, after);
    ASSERT_TRUE(too);
    EXPECT_EQ(too->result.state, InstanceState::converged);
    EXPECT_FALSE(is_due(*too, after + seconds{3600}));
  }
}

TEST(InstanceRules, runs_are_named_by_deploy_and_time) {
  EXPECT_EQ(run_name(12, from_millis(34)), "12-34");
  EXPECT_EQ(deploy_of_run("12-34"), 12);
  EXPECT_EQ(deploy_of_run(""), 0);
}

TEST(InstanceRules, what_is_no_more_is_let_go_of_until_it_calls) {
  Instance i = not_there(asked(), missing(), kNow);
  EXPECT_EQ(shown_state(i, kNow + 48h), InstanceState::unknown) << "it is still looked for";
  while (i.result.next_try) i = not_there(i, missing(), kNow);
  EXPECT_EQ(shown_state(i, kNow + 1h), InstanceState::unknown) << "somebody may still mend its tags";
  EXPECT_EQ(shown_state(i, kNow + 25h), InstanceState::gone);
  Instance gone = *let_go(asked());
  EXPECT_EQ(shown_state(gone, kNow), InstanceState::gone);
  EXPECT_FALSE(is_due(gone, kNow) || awaits_run(gone));
  EXPECT_FALSE(after_deploy(gone, "web-1", {9, "c"}, {}, kNow));
  gone.asked = 2;
  EXPECT_EQ(shown_state(gone, kNow), InstanceState::waiting);
  EXPECT_TRUE(is_due(gone, kNow));
  EXPECT_FALSE(let_go(begun(asked(), "web-1", "7-1", kNow)));
}

TEST(InstanceRules, a_deploy_that_did_not_go_live_was_the_last_to_touch_its_hosts) {
  Deploy broken;
  broken.number = 8;
  broken.sha = "bbbbbbb8";
  broken.phase = Phase::failed;
  RunOnHosts run;
  run.began_at = kNow + 1h;
  run.over = true;
  run.touched = {{"web-1", false}, {"web-2", true}};
  auto ok = host(ansible::HostState::ok);
  Instance i = ended(begun(asked(), "web-1", "7-1", kNow), &ok, {7, "a"}, "", kNow);
  auto one = after_broken(i, broken, run);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->result.state, InstanceState::failed);
  EXPECT_EQ(one->result.sha, "");
  EXPECT_EQ(one->result.deploy, 8);
  EXPECT_FALSE(one->result.next_try) << "what serves is not brought back by itself";
  EXPECT_THAT(one->result.why, HasSubstr("#8 of build bbbbbbb"));
  EXPECT_FALSE(after_broken(*one, broken, run)) << "that is known";
  EXPECT_FALSE(after_deploy(*one, "web-1", {7, "a"}, {{"web-1"}, kNow}, kNow)) << "#7 went live before";
  EXPECT_EQ(after_deploy(*one, "web-1", {9, "c"}, {{"web-1"}, kNow + 2h}, kNow)->result.sha, "c");
  i.result.host = "web-2";
  EXPECT_EQ(after_broken(i, broken, run)->result.sha, "bbbbbbb8") << "it came to its end there";
  i.result.host = "web-3";
  EXPECT_FALSE(after_broken(i, broken, run)) << "not reached";
  Instance again = ended(begun(*one, "web-1", "7-2", kNow + 2h), &ok, {7, "a"}, "", kNow + 2h);
  EXPECT_FALSE(after_broken(again, broken, run)) << "somebody ran it again since";
}

}  // namespace
}  // namespace lemmy::hosts
