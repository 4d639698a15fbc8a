#include "live/board.h"
#include "pods/conducting_test.h"

namespace lemmy::live {
namespace {

struct Status : pods::Conducting {
  Sources sources() {
    Sources s;
    s.store = store.get();
    s.conductor = conductor.get();
    s.config = [this] { return config; };
    s.cluster = [this](const std::string&) { return cluster.get(); };
    return s;
  }
};

// What it said of a cancelled run on a slow machine: the phase of now, and a history without it.
TEST_F(Status, tells_phase_and_history_of_one_moment) {
  run([this]() -> Task<> {
    const Board board(sources());
    const int64_t number = co_await ask();
    store->after_history = [this, number]() -> Task<> {
      const bool live = co_await becomes(number, [](const Deploy& d) { return d.phase == Phase::live; });
      EXPECT_TRUE(live);
    };
    auto told = co_await board.status(pods::kTarget, number);
    if (!told) throw std::runtime_error(told.error().str());
    EXPECT_EQ(told->at("deploy").at("phase"), "live");
    EXPECT_EQ(told->at("history").as_array().back().at("phase"), "live")
        << json::serialize(told->at("history"));
  });
}

}  // namespace
}  // namespace lemmy::live
