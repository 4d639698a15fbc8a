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

// The first page said "2 of 2 pods ready" while its own project's page said that nobody answers.
TEST_F(Status, lines_of_the_first_page_tell_too_that_nobody_answers) {
  run([this]() -> Task<> {
    const Board board(sources());
    const int64_t number = co_await ask();
    const bool live = co_await becomes(number, [](const Deploy& d) { return d.phase == Phase::live; });
    EXPECT_TRUE(live);
    auto health = [&board] {
      const json::object all = board.overview({.lines = true});
      for (const json::value& p : all.at("projects").as_array())
        for (const json::value& t : p.at("targets").as_array())
          if (p.at("name") == json::value(pods::kTarget.project) &&
              t.at("environment") == json::value(pods::kTarget.environment))
            return std::string(t.at("health").as_string()) + ": " +
                   std::string(t.at("health_text").as_string());
      return std::string();
    };
    bool told = co_await playground::Bench::until([&] { return health().starts_with("ok"); });
    EXPECT_TRUE(told) << health();
    kube::Ref service{"/api/v1", "services", pods::kTarget.environment, pods::kTarget.project};
    json::object nobody{{"spec", {{"selector", {{"project", "nobody"}}}}}};
    auto done = co_await cluster->client().patch(service, std::move(nobody));
    EXPECT_TRUE(done);
    told = co_await playground::Bench::until(
        [&] { return health().starts_with("bad") && health().contains("nobody answers requests"); });
    EXPECT_TRUE(told) << health();
  });
}

}  // namespace
}  // namespace lemmy::live
