// What answers is taken away only when somebody else does.
#include "pods/admitting_test.h"

namespace lemmy::pods {
namespace {

struct KeepAnswering : Admitting {
  // What it took out, and the roll back, whose pods are all that answers. It does not go live.
  Task<std::pair<int64_t, int64_t>> a_roll_back_that_settles() {
    const int64_t first = co_await ask_live();
    const int64_t second = co_await ask_live();
    auto changed = std::make_shared<config::Config>(*config);
    for (auto& [name, project] : changed->projects) project.settle = 60s;
    config = changed;
    auto back = co_await conductor->act({kTarget, first, Action::rollback, "ada", "", "", false});
    EXPECT_TRUE(back);
    auto zeroed = co_await conductor->act({kTarget, first, Action::zero, "ada", "", "", false});
    EXPECT_TRUE(zeroed);
    const bool answers = co_await answer({back->number});
    EXPECT_TRUE(answers);
    co_return std::pair(second, back->number);
  }
};

TEST_F(Admitting, what_answers_is_not_zeroed_before_what_takes_its_place_has_its_labels) {
  run([this]() -> Task<> {
    const int64_t first = co_await ask_live();
    const int64_t second = co_await ask_live();
    auto back = co_await conductor->act({kTarget, first, Action::rollback, "ada", "", "", false});
    EXPECT_TRUE(back);
    bool live = co_await becomes(back->number, is_live);
    EXPECT_TRUE(live);
    auto zeroed = co_await conductor->act({kTarget, first, Action::zero, "ada", "", "", false});
    EXPECT_TRUE(zeroed);
    bool answers = co_await answer({back->number});
    EXPECT_TRUE(answers);
    sim->faults().answer(500, {"PATCH", "/pods/", false, 4});
    const size_t fewest = co_await fewest_while([&]() -> Task<> {
      Act zero{kTarget, back->number, Action::zero, "ada", "", ""};
      zero.confirmed = true;
      zeroed = co_await conductor->act(zero);
      EXPECT_TRUE(zeroed) << zeroed.error().str();
      bool gone =
          co_await becomes(back->number, [](const Deploy& d) { return d.presence == Presence::zeroed; }, 40s);
      EXPECT_TRUE(gone);
      answers = co_await answer({second});
      EXPECT_TRUE(answers);
    });
    EXPECT_GE(fewest, 1u) << "there was a moment in which nobody answered";
  });
}

TEST_F(Admitting, what_answers_is_not_zeroed_while_nobody_sees_who_takes_its_place) {
  run([this]() -> Task<> {
    const int64_t first = co_await ask_live();
    const int64_t second = co_await ask_live();
    bool answers = co_await answer({first, second});
    EXPECT_TRUE(answers);
    sim->faults().answer(500, {"GET", "/pods", false, -1});
    sim->faults().cut_streams();
    const bool blind = co_await playground::Bench::until([this] { return !cluster->is_live(); }, 10s);
    EXPECT_TRUE(blind);
    Act zero{kTarget, second, Action::zero, "ada", "", ""};
    zero.confirmed = true;
    auto zeroed = co_await conductor->act(zero);
    EXPECT_TRUE(zeroed);
    bool gone =
        co_await becomes(second, [](const Deploy& d) { return d.presence == Presence::zeroed; }, 1500ms);
    EXPECT_FALSE(gone);
    sim->faults().clear();
    gone = co_await becomes(second, [](const Deploy& d) { return d.presence == Presence::zeroed; }, 30s);
    EXPECT_TRUE(gone);
    answers = co_await answer({first});
    EXPECT_TRUE(answers);
  });
}

TEST_F(KeepAnswering, a_roll_back_that_is_cancelled_answers_until_what_it_took_out_does) {
  run([this]() -> Task<> {
    const auto [second, back] = co_await a_roll_back_that_settles();
    sim->faults().answer(500, {"PATCH", "/pods/", false, 4});
    const size_t fewest = co_await fewest_while([&]() -> Task<> {
      auto cancelled = co_await conductor->act({kTarget, back, Action::cancel, "ada", "", ""});
      EXPECT_TRUE(cancelled) << cancelled.error().str();
      bool gone = co_await becomes(back, [](const Deploy& d) { return d.presence == Presence::zeroed; }, 40s);
      EXPECT_TRUE(gone);
      const bool answers = co_await answer({second});
      EXPECT_TRUE(answers);
    });
    EXPECT_GE(fewest, 1u) << "there was a moment in which nobody answered";
  });
}

TEST_F(KeepAnswering, a_roll_back_under_way_is_cancelled_and_not_outdone_by_a_restore) {
  run([this]() -> Task<> {
    const auto [second, back] = co_await a_roll_back_that_settles();
    auto restored = co_await conductor->act({kTarget, second, Action::restore, "ada", "", ""});
    EXPECT_FALSE(restored);
    EXPECT_EQ(conductor->let_in_without(kTarget, back), std::vector<int64_t>{second});
  });
}

// The list that ends last may have nothing in it, and no trouble was known.
TEST_F(Admitting, whoever_waits_for_the_picture_hears_when_it_is_whole_again) {
  run([this]() -> Task<> {
    (void)co_await ask_live();
    bool live = false;
    std::unique_ptr<kube::Cluster> other;
    other = std::make_unique<kube::Cluster>(
        "other", loop.get_executor(),
        *kube::Client::create(loop.get_executor(), pool, cluster->client().access()),
        [&](const Target&) { live = other->is_live(); });
    other->start();
    bool seen = co_await playground::Bench::until([&] { return live; }, 10s);
    EXPECT_TRUE(seen);
    sim->faults().slow(700ms, {"GET", "/horizontalpodautoscalers", false, 4});
    sim->faults().expire_watches();
    seen = co_await playground::Bench::until([&] { return !live; }, 10s);
    EXPECT_TRUE(seen);
    seen = co_await playground::Bench::until([&] { return live; }, 10s);
    EXPECT_TRUE(seen) << "it is live: " << other->is_live();
    // Of one alone, without a delay: what its objects tell comes before it is whole.
    sim->faults().clear();
    sim->faults().answer(410, {"GET", "/pods", true, 2});  // of either cluster
    const uint64_t before = other->relists();
    sim->faults().cut_streams();
    seen = co_await playground::Bench::until([&] { return other->relists() > before; }, 10s);
    EXPECT_TRUE(seen);
    seen = co_await playground::Bench::until([&] { return live && other->is_live(); }, 10s);
    EXPECT_TRUE(seen);
    co_await other->stop();
  });
}

}  // namespace
}  // namespace lemmy::pods
