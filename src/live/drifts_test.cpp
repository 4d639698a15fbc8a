// The looks that go on by themselves, on a simulated cluster.
#include "live/drifts.h"

#include "pods/conducting_test.h"

namespace lemmy::live {
namespace {

using namespace std::chrono_literals;

struct Drifting : pods::Conducting {
  Feed feed;
  Drifts::Sources sources() {
    Drifts::Sources s;
    s.loop = loop.get_executor();
    s.conductor = conductor.get();
    s.feed = &feed;
    s.cluster = [this](const std::string&) { return cluster.get(); };
    s.tick = 5ms;
    s.every = s.every_watched = 50ms;
    return s;
  }
  kube::Ref service() const {
    return {"/api/v1", "services", pods::kTarget.environment, pods::kTarget.project};
  }
  Task<int64_t> ask_live() {
    const int64_t number = co_await ask();
    const bool live = co_await becomes(number, [](const Deploy& d) { return d.phase == Phase::live; });
    EXPECT_TRUE(live);
    co_return number;
  }
  Task<> relabel(std::string value) {
    json::object other{{"metadata", {{"labels", {{"project", std::move(value)}}}}}};
    auto done = co_await cluster->client().patch(service(), std::move(other));
    EXPECT_TRUE(done);
  }
};

TEST_F(Drifting, is_seen_by_itself_and_told_to_those_who_watch) {
  run([this]() -> Task<> {
    const int64_t number = co_await ask_live();
    Drifts drifts(sources());
    Group looking(loop.get_executor());
    looking.spawn("drift", drifts.run());
    auto text = [&drifts] {
      const json::value shown = drifts.shown(pods::kTarget);
      return shown.is_object() ? std::string(text_or(shown.get_object(), "text")) : "not known";
    };
    EXPECT_EQ(text(), "not known");
    EXPECT_EQ(drifts.counts().at(pods::kTarget.environment).unknown, 1);
    bool told = co_await playground::Bench::until([&] { return text().empty(); });
    EXPECT_TRUE(told) << text();
    EXPECT_EQ(drifts.count(pods::kTarget), json::value(0));
    const uint64_t before = feed.version(pods::kTarget.str());
    co_await relabel("other");
    const std::string wanted = fmt::format("One thing of #{} is not as it was applied", number);
    told = co_await playground::Bench::until([&] { return text() == wanted; });
    EXPECT_TRUE(told) << text();
    EXPECT_GT(feed.version(pods::kTarget.str()), before);
    EXPECT_EQ(drifts.count(pods::kTarget), json::value(1));
    EXPECT_EQ(drifts.counts().at(pods::kTarget.environment).drifted, 1);
    // What stays as it is is told once.
    const uint64_t after = feed.version(pods::kTarget.str());
    co_await sleep_for(500ms);
    EXPECT_EQ(feed.version(pods::kTarget.str()), after);
    co_await relabel(pods::kTarget.project);
    told = co_await playground::Bench::until([&] { return text().empty(); });
    EXPECT_TRUE(told) << text();
    looking.cancel();
    co_await looking.join(5s);
  });
}

TEST_F(Drifting, what_has_not_changed_costs_no_dry_run_and_what_cannot_be_asked_is_not_known) {
  run([this]() -> Task<> {
    const int64_t number = co_await ask_live();
    Drifts drifts(sources());
    auto found = co_await drifts.ask(pods::kTarget);
    EXPECT_TRUE(found);
    EXPECT_EQ(found->at("number"), number);
    Group looking(loop.get_executor());
    looking.spawn("drift", drifts.run());
    // A dry run would be refused, and be told.
    sim->faults().answer(403, {"PATCH", "", false, -1});
    co_await sleep_for(600ms);
    const Drifts::Seen* seen = drifts.seen(pods::kTarget);
    const std::string refused = !seen          ? "not seen"
                                : !seen->found ? seen->found.error().str()
                                               : json::serialize(seen->found->at("refused"));
    EXPECT_EQ(refused, "[]");
    sim->faults().clear();
    sim->faults().answer(503, {"GET", "/services/", false, -1});
    bool told = co_await playground::Bench::until(
        [&] { return drifts.counts().at(pods::kTarget.environment).unknown == 1; });
    EXPECT_TRUE(told);
    EXPECT_EQ(drifts.shown(pods::kTarget).at("unasked").as_array().size(), 1u);
    sim->faults().clear();
    looking.cancel();
    co_await looking.join(5s);
  });
}

}  // namespace
}  // namespace lemmy::live
