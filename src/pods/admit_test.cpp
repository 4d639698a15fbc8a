// Who gets requests: by the endpoints of the Service, as the cluster makes them.
#include "pods/admitting_test.h"

namespace lemmy::pods {
namespace {

TEST_F(Admitting, a_deploy_that_failed_is_kept_from_requests_and_stays_to_be_looked_at) {
  run([this]() -> Task<> {
    const int64_t first = co_await ask_live();
    bool answers = co_await answer({first});
    EXPECT_TRUE(answers);
    const int64_t second = co_await ask_for_one_that_fails_half_ready();
    answers = co_await answer({first});
    EXPECT_TRUE(answers) << answering().size();
    const Deploy* d = conductor->find(kTarget, second);
    EXPECT_EQ(d->out_by, second);
    EXPECT_EQ(name(d->presence), "running");
    EXPECT_GT(pods_of(*cluster, {kTarget, second}).size(), 0u);
    bool told = co_await said(second, "get no requests any more");
    EXPECT_TRUE(told);
    // Also those that come later.
    sim->set_quota(kTarget.environment, {});
    bool more = co_await playground::Bench::until(
        [&] { return cluster->ready_pods({kTarget, second}) == d->replicas; }, 10s);
    EXPECT_TRUE(more);
    EXPECT_EQ(answering(), std::set<int64_t>{first});
    EXPECT_FALSE(cluster->autoscaler({kTarget, second})) << "nobody scales what gets no load";
  });
}

TEST_F(Admitting, the_first_deploy_that_fails_goes_on_answering_until_another_does) {
  run([this]() -> Task<> {
    const int64_t first = co_await ask_for_one_that_fails_half_ready();
    bool answers = co_await answer({first});
    EXPECT_TRUE(answers);
    bool told = co_await said(first, "nothing else answers");
    EXPECT_TRUE(told);
    sim->set_quota(kTarget.environment, {});
    const int64_t second = co_await ask_live();
    answers = co_await answer({second});
    EXPECT_TRUE(answers);
  });
}

TEST_F(Admitting, labels_that_somebody_takes_away_are_put_back) {
  run([this]() -> Task<> {
    const int64_t first = co_await ask_live();
    const int64_t second = co_await ask_live();
    co_await take_label_away();  // of the second alone
    bool labelled = co_await playground::Bench::until([&] {
      const auto* controller = cluster->controller({kTarget, second});
      return controller && controller->answers == kube::Answers::yes;
    });
    EXPECT_TRUE(labelled);
    const int64_t third = co_await ask_live();
    bool answers = co_await answer({first, second, third});
    EXPECT_TRUE(answers);
  });
}

TEST_F(Admitting, a_number_that_nobody_gave_moves_no_other) {
  run([this]() -> Task<> {
    const int64_t first = co_await ask_live();
    auto pods = co_await cluster->list_pods(kTarget, fmt::format("deploy={}", first));
    EXPECT_TRUE(pods && !pods->empty());
    for (const char* number : {"9223372036854775807", "20261130063119123", "900000000"}) {
      json::object label{{"metadata", {{"labels", {{"deploy", number}}}}}};
      auto done = co_await cluster->client().patch(
          {"/api/v1", "pods", kTarget.environment, pods->front().meta.name.str()}, std::move(label));
      EXPECT_TRUE(done);
      co_await sleep_for(100ms);
      const int64_t next = co_await ask();
      EXPECT_LE(next, 4);
    }
  });
}

TEST_F(Admitting, the_policy_may_zero_what_failed_or_leave_it_as_it_is) {
  policy(config::Failed::zero);
  run([this]() -> Task<> {
    const int64_t first = co_await ask_live();
    const int64_t second = co_await ask_for_one_that_fails_half_ready();
    bool zeroed = co_await becomes(second, [](const Deploy& d) { return d.presence == Presence::zeroed; });
    EXPECT_TRUE(zeroed);
    policy(config::Failed::keep);
    impatient();
    const int64_t third = co_await ask_for_one_that_fails_half_ready();
    bool answers = co_await answer({first, third});
    EXPECT_TRUE(answers);
    EXPECT_EQ(conductor->find(kTarget, third)->out_by, 0);
  });
}

TEST_F(Admitting, a_roll_back_takes_the_bad_one_out_and_a_restore_lets_it_in_again) {
  run([this]() -> Task<> {
    const int64_t first = co_await ask_live();
    const int64_t second = co_await ask_live();
    auto back = co_await conductor->act({kTarget, first, Action::rollback, "ada", "", "", false});
    EXPECT_TRUE(back);
    bool live = co_await becomes(back->number, is_live);
    EXPECT_TRUE(live);
    bool answers = co_await answer({first, back->number});
    EXPECT_TRUE(answers);
    EXPECT_EQ(conductor->find(kTarget, second)->out_by, back->number);

    auto zeroed = co_await conductor->act({kTarget, second, Action::zero, "ada", "", "", false});
    EXPECT_TRUE(zeroed);
    bool gone = co_await becomes(second, [](const Deploy& d) { return d.presence == Presence::zeroed; });
    EXPECT_TRUE(gone);
    auto restored = co_await conductor->act({kTarget, second, Action::restore, "ada", "", "", false});
    EXPECT_TRUE(restored);
    answers = co_await answer({first, second, back->number});
    EXPECT_TRUE(answers);
    EXPECT_EQ(conductor->find(kTarget, second)->out_by, 0);
  });
}

TEST_F(Admitting, what_a_lemmy_of_before_left_goes_on_answering_while_it_is_taken_over) {
  run([this]() -> Task<> {
    const int64_t first = co_await ask_live();
    co_await take_label_away();
    // As a server that starts: it has seen no Service yet.
    place = std::make_unique<pods::Place>(cluster.get(),
                                          pods::Surroundings{&pool, store.get(), [this] { return config; }});
    bool answers = co_await answer({first});
    EXPECT_TRUE(answers);
    const size_t fewest = co_await fewest_while([&]() -> Task<> {
      const int64_t second = co_await ask_live();
      answers = co_await answer({first, second});
      EXPECT_TRUE(answers);
    });
    EXPECT_GE(fewest, 1u) << "there was a moment in which nobody answered";
    auto now = co_await cluster->client().get(service());
    EXPECT_EQ(text_or(find(json::value(**now), {"spec", "selector"})->as_object(), kAnswersLabel), "yes");
  });
}

TEST_F(Admitting, without_the_right_to_label_pods_what_failed_is_scaled_to_zero_and_it_is_said) {
  run([this]() -> Task<> {
    const int64_t first = co_await ask_live();
    sim->faults().answer(403, {"PATCH", "/pods/", false, -1});
    const int64_t second = co_await ask_for_one_that_fails_half_ready();
    bool zeroed = co_await becomes(second, [](const Deploy& d) { return d.presence == Presence::zeroed; });
    EXPECT_TRUE(zeroed);
    bool told = co_await said(second, "cannot be kept from requests");
    EXPECT_TRUE(told);
    bool answers = co_await answer({first});
    EXPECT_TRUE(answers);
  });
}

TEST_F(Admitting, without_that_right_the_service_of_before_goes_on_selecting_all) {
  run([this]() -> Task<> {
    const int64_t first = co_await ask_live();
    co_await take_label_away();
    place = std::make_unique<pods::Place>(cluster.get(),
                                          pods::Surroundings{&pool, store.get(), [this] { return config; }});
    sim->faults().answer(403, {"PATCH", "/pods/", false, -1});
    const int64_t second = co_await ask_live();
    bool answers = co_await answer({first, second});
    EXPECT_TRUE(answers);
    bool told = co_await said(second, "the Service selects as before");
    EXPECT_TRUE(told);
  });
}

TEST_F(Admitting, who_answers_alone_is_zeroed_only_when_that_is_confirmed) {
  run([this]() -> Task<> {
    const int64_t first = co_await ask_for_one_that_fails_half_ready();
    const bool alone = co_await answer({first});
    EXPECT_TRUE(alone) << "nothing else is there";
    EXPECT_FALSE(conductor->current(kTarget)) << "it never was live, so it does not serve";
    for (deploy::Action action : {deploy::Action::zero, deploy::Action::remove}) {
      auto refused =
          co_await conductor->act({.target = kTarget, .number = first, .action = action, .who = "ada"});
      EXPECT_EQ(refused.error().code, ErrorCode::conflict);
      EXPECT_EQ(refused.error().what, "nothing else answers requests of hello-world/staging now");
    }
    auto done = co_await conductor->act({.target = kTarget,
                                         .number = first,
                                         .action = deploy::Action::zero,
                                         .who = "ada",
                                         .confirmed = true});
    EXPECT_TRUE(done);
  });
}

}  // namespace
}  // namespace lemmy::pods
