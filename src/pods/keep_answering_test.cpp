// What answers is taken away only when somebody else does.
#include "pods/admitting_test.h"

namespace lemmy::pods {
namespace {

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

}  // namespace
}  // namespace lemmy::pods
