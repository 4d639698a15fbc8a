// What the store says and what the cluster has are brought together, whoever made them differ.
#include "pods/conducting_test.h"

namespace lemmy::pods {
namespace {

// A leader that was paused in the middle of a step goes on with it after it lost the lease.
TEST_F(Conducting, what_is_in_the_cluster_again_after_it_was_deleted_is_taken_away) {
  run([this]() -> Task<> {
    const int64_t number = co_await ask_live();
    auto asked = co_await conductor->act({kTarget, number, Action::remove, "ada", "", "", true});
    EXPECT_TRUE(asked);
    auto is_deleted = [](const Deploy& d) { return d.presence == Presence::deleted; };
    bool deleted = co_await becomes(number, is_deleted);
    EXPECT_TRUE(deleted);
    auto kept = co_await store->document(kTarget, number, "manifests");
    auto manifests = parse_json(kept.value_or("[]"), "manifests");
    for (const json::value& v : manifests->as_array())
      if (text_or(v.as_object(), "kind") == "ReplicationController") {
        auto again = co_await cluster->client().apply(v.as_object(), false);
        EXPECT_TRUE(again);
      }
    EXPECT_EQ(sim->count("replicationcontrollers"), 1u);
    bool gone = co_await becomes(
        number, [&](const Deploy& d) { return is_deleted(d) && sim->count("replicationcontrollers") == 0; });
    EXPECT_TRUE(gone);
    bool told = co_await said(number, "though it was deleted");
    EXPECT_TRUE(told);
  });
}

// Another cluster was looked at for a while, or a backup of this one was restored.
TEST_F(Conducting, what_was_not_there_for_a_while_and_nobody_asked_to_delete_is_kept) {
  run([this]() -> Task<> {
    const int64_t number = co_await ask_live();
    auto kept = co_await store->document(kTarget, number, "manifests");
    auto manifests = parse_json(kept.value_or("[]"), "manifests");
    const Deploy before = *conductor->find(kTarget, number);
    auto removed = co_await cluster->client().remove(controller_ref(before));
    EXPECT_TRUE(removed);
    const bool gone =
        co_await becomes(number, [](const Deploy& d) { return d.presence == Presence::deleted; });
    EXPECT_TRUE(gone);
    EXPECT_FALSE(conductor->current(kTarget));
    for (const json::value& v : manifests->as_array())
      if (text_or(v.as_object(), "kind") == "ReplicationController") {
        auto again = co_await cluster->client().apply(v.as_object(), false);
        EXPECT_TRUE(again);
      }
    const bool back = co_await becomes(number, [](const Deploy& d) {
      return d.presence == Presence::running && d.wanted == Wanted::running && !d.vanished;
    });
    EXPECT_TRUE(back);
    EXPECT_EQ(conductor->current(kTarget)->number, number) << "it serves again";
    EXPECT_EQ(sim->count("replicationcontrollers"), 1u);
    const bool told = co_await said(number, "nobody asked to delete it: it is kept");
    EXPECT_TRUE(told);
    auto asked = co_await conductor->act({kTarget, number, Action::remove, "ada", "", "", true});
    EXPECT_TRUE(asked);
    const bool deleted = co_await becomes(number, [this](const Deploy& d) {
      return d.presence == Presence::deleted && sim->count("replicationcontrollers") == 0;
    });
    EXPECT_TRUE(deleted) << "when somebody does ask";
  });
}

TEST_F(Conducting, a_zeroed_deploy_that_somebody_scaled_up_is_scaled_to_zero_again_and_it_is_said) {
  run([this]() -> Task<> {
    const int64_t number = co_await ask_live();
    const Deploy before = *conductor->find(kTarget, number);
    auto asked = co_await conductor->act({kTarget, number, Action::zero, "ada", "", "", true});
    EXPECT_TRUE(asked);
    auto is_zeroed = [](const Deploy& d) { return d.presence == Presence::zeroed; };
    bool zeroed = co_await becomes(number, is_zeroed);
    EXPECT_TRUE(zeroed);
    const int64_t zeroed_at = conductor->find(kTarget, number)->revision;
    kube::Ref controller{"/api/v1", "replicationcontrollers", kTarget.environment, before.object_name};
    auto scaled = co_await cluster->client().scale(controller, 3);
    EXPECT_TRUE(scaled);
    auto is_down = [&](const Deploy& d) {
      const kube::Controller* controller = cluster->controller({kTarget, number});
      return is_zeroed(d) && controller && controller->wanted == 0 && d.revision > zeroed_at + 1;
    };
    const bool down = co_await becomes(number, is_down);
    EXPECT_TRUE(down);
    bool told = co_await said(number, "its controller was set to 3");
    EXPECT_TRUE(told);
    auto there = co_await cluster->client().get(controller);
    EXPECT_TRUE(there && *there);
    EXPECT_EQ(kube::parse_controller(**there).wanted, 0);
  });
}

TEST_F(Conducting, nothing_goes_live_by_a_picture_that_may_be_old) {
  run([this]() -> Task<> {
    auto changed = std::make_shared<config::Config>(*config);
    for (auto& [name, project] : changed->projects) project.settle = 300ms;
    config = changed;
    const int64_t number = co_await ask();
    bool settles = co_await becomes(number, [](const Deploy& d) { return d.phase == Phase::settling; });
    EXPECT_TRUE(settles);
    // Its watches stand and say nothing; whoever asks gets no answer.
    sim->faults().silence_streams();
    sim->faults().answer(503, {"GET", "/pods", false, -1});
    const bool early = co_await becomes(number, [](const Deploy& d) { return is_over(d); }, 2s);
    EXPECT_FALSE(early);
    sim->faults().clear();
    const bool live = co_await becomes(number, [](const Deploy& d) { return d.phase == Phase::live; });
    EXPECT_TRUE(live);
  });
}

TEST_F(Conducting, who_serves_is_counted_also_when_the_clock_is_wrong) {
  run([this]() -> Task<> {
    const int64_t first = co_await ask_live();
    Deploy early = *conductor->find(kTarget, first);
    EXPECT_EQ(early.serves, 1);
    early.serving_since = now() + std::chrono::hours{24};  // the clock was a day ahead
    auto kept = co_await store->update_deploy(early, {}, {});
    EXPECT_TRUE(kept);
    auto read = co_await conductor->refresh(kTarget);
    EXPECT_TRUE(read);
    const int64_t second = co_await ask_live();
    EXPECT_EQ(conductor->find(kTarget, second)->serves, 2);
    EXPECT_EQ(conductor->current(kTarget)->number, second);
  });
}

// As after a restore of an older store: the cluster has what the store knows nothing of.
TEST_F(Conducting, a_number_that_the_cluster_has_is_not_given_again) {
  run([this]() -> Task<> {
    const int64_t first = co_await ask_live();
    auto kept = co_await store->document(kTarget, first, "manifests");
    auto manifests = parse_json(kept.value_or("[]"), "manifests");
    for (const json::value& v : manifests->as_array()) {
      if (text_or(v.as_object(), "kind") != "ReplicationController") continue;
      json::object other = v.as_object();
      other["metadata"].as_object()["name"] = "hello-world-of-before-7";
      other["metadata"].as_object()["labels"].as_object()["deploy"] = "7";
      other["spec"].as_object()["selector"].as_object()["deploy"] = "7";
      other["spec"]
          .as_object()["template"]
          .as_object()["metadata"]
          .as_object()["labels"]
          .as_object()["deploy"] = "7";
      auto made = co_await cluster->client().apply(std::move(other), false);
      EXPECT_TRUE(made) << made.error().str();
    }
    bool seen = co_await playground::Bench::until([&] { return cluster->highest_number(kTarget) == 7; });
    EXPECT_TRUE(seen);
    Deploy doubled = conductor->imagine(kTarget);
    doubled.number = 7;
    auto prepared = co_await place->prepare(doubled, {});
    EXPECT_FALSE(prepared);
    EXPECT_EQ(prepared.error().what, "the cluster has a controller of a deploy #7 already");
    EXPECT_FALSE(conductor->may_know(kTarget, 7));
    EXPECT_TRUE(conductor->may_know(kTarget, first));
    const int64_t second = co_await ask_live();
    EXPECT_EQ(second, 8);
  });
}

}  // namespace
}  // namespace lemmy::pods
