// The keeper and its archive, with a real store.
#include "retention/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>

#include "base/crypto.h"
#include "base/files.h"
#include "base/strings.h"
#include "retention/sample_test.h"
#include "store/forwarding.h"
#include "store/sample_test.h"

namespace lemmy::retention {
namespace {

struct Doubtful : store::Forwarding {
  using Forwarding::Forwarding;
  bool refuse = false;
  Task<Result<>> forget_deploy(Target t, int64_t number, int64_t revision, store::Fence fence) override {
    if (refuse) co_return fail(ErrorCode::unavailable, "store", "the disk is full");
    co_return co_await Forwarding::forget_deploy(std::move(t), number, revision, std::move(fence));
  }
};

struct Keeping : InFolder, store::Samples {
  Keeping() {
    auto c = std::make_shared<config::Config>();
    c->retention = {.every = 20ms,
                    .deploys = 3,
                    .deploys_for = 1ms,
                    .builds = 2,
                    .builds_for = 1ms,
                    .deliveries_for = 1h};
    config = c;
    auto opened = store::open_sqlite(loop.get_executor(), (dir / "lemmy.db").string());
    if (!opened) throw std::runtime_error(opened.error().str());
    store = std::make_unique<Doubtful>(std::move(*opened));
    around = {loop.get_executor(),
              &pool,
              store.get(),
              [this] { return config; },
              [](const Deploy&) -> Result<deploy::Place*> {
                return fail(ErrorCode::unavailable, "", "there is none");
              },
              [](const Target&) {}};
    conductor = std::make_unique<Conductor>(around);
    keeper = make(folder);
  }
  ~Keeping() override { run(stop()); }
  Task<Result<>> stop() {
    co_await keeper->stop();
    co_await conductor->stop();
    co_return Result<>{};
  }
  std::unique_ptr<Retention> make(const std::string& archive) {
    return std::make_unique<Retention>(around, conductor.get(), archive,
                                       Retention::Times{.first = 10ms, .pause = 0ms, .sizes = 50ms});
  }
  // Deploys 1 to n that are over, each with two events and two documents.
  void over(int n, Target target = kTarget) {
    for (int i = 0; i < n; ++i) {
      auto d = deploy(target.environment);
      d.created_at = now() - 24h;
      d.sha = "abcdef" + std::to_string(i);
      d = *run(store->create_deploy(d, event("asked for")));
      ASSERT_TRUE(run(store->put_document(target, d.number, "final", "{\"n\": " + std::to_string(i) + "}")));
      ASSERT_TRUE(run(store->put_document(target, d.number, "log", random_hex(100'000))));
      d.phase = Phase::cancelled;
      ASSERT_TRUE(run(store->update_deploy(d, {event("cancelled")})));
    }
  }
  std::vector<int64_t> numbers(Target target = kTarget) {
    std::vector<int64_t> out;
    auto all = run(store->deploys(target, {1000, ""}));
    for (const Deploy& d : all->items) out.push_back(d.number);
    return out;
  }
  // The numbers whose last line says that all of them is there, in order.
  std::vector<int64_t> archived() const {
    std::vector<int64_t> out;
    for (const json::object& o : lines("deploys"))
      if (text_or(o, "kind") == "deploy") out.push_back(int_or(o, "number"));
    return out;
  }
  using Numbers = std::vector<int64_t>;

  Pool pool{1};
  std::shared_ptr<const config::Config> config;
  std::unique_ptr<Doubtful> store;
  Surroundings around;
  std::unique_ptr<Conductor> conductor;
  std::unique_ptr<Retention> keeper;
};

TEST_F(Keeping, old_deploys_are_in_the_archive_whole_and_then_gone) {
  over(6);
  std::map<int64_t, Deploy> before;
  std::map<int64_t, std::string> logs;
  std::map<int64_t, std::vector<DeployEvent>> events;
  for (int64_t n = 1; n <= 6; ++n) {
    before[n] = *run(store->deploy(kTarget, n));
    logs[n] = *run(store->document(kTarget, n, "log"));
    events[n] = *run(store->deploy_events(kTarget, n, 0, 100));
  }
  auto more = run(keeper->round({}));
  ASSERT_TRUE(more) << more.error().str();
  EXPECT_FALSE(*more);
  EXPECT_EQ(numbers(), (Numbers{6, 5, 4}));
  EXPECT_EQ(archived(), (Numbers{1, 2, 3}));
  EXPECT_EQ(keeper->gone().deploys, 3);
  EXPECT_TRUE(keeper->looked_at());
  std::map<int64_t, std::vector<DeployEvent>> read_events;
  std::map<int64_t, std::map<std::string, std::string>> read_documents;
  for (const json::object& o : lines("deploys")) {
    const int64_t n = int_or(o, "number");
    EXPECT_EQ(text_or(o, "project"), "hello");
    EXPECT_EQ(text_or(o, "environment"), "staging");
    if (text_or(o, "kind") == "event") {
      read_events[n].push_back(event_from_json(o.at("event").as_object()));
      read_events[n].back().seq = int_or(o.at("event").as_object(), "seq");
    } else if (text_or(o, "kind") == "document") {
      read_documents[n][std::string(text_or(o, "name"))] = text_or(o, "text");
    } else {
      auto d = deploy_from_json(o.at("deploy"));
      ASSERT_TRUE(d);
      EXPECT_EQ(*d, before[n]);
      EXPECT_EQ(int_or(o, "events"), 2);
      EXPECT_EQ(o.at("documents"), (json::array{"final", "log"}));
      EXPECT_TRUE(parse_time(text_or(o, "archived_at")));
      ASSERT_EQ(read_events[n].size(), events[n].size());
      for (size_t i = 0; i < events[n].size(); ++i) EXPECT_EQ(read_events[n][i].text, events[n][i].text);
      EXPECT_EQ(read_documents[n]["log"], logs[n]);
      EXPECT_EQ(read_documents[n].size(), 2u);
    }
  }
  EXPECT_TRUE(run(store->document_names(kTarget, 3))->empty());
  // What is left is as it was, and nothing more goes.
  EXPECT_EQ(*run(store->document(kTarget, 4, "log")), logs[4]);
  ASSERT_TRUE(run(keeper->round({})));
  EXPECT_EQ(archived().size(), 3u);
}

TEST_F(Keeping, what_runs_is_not_over_or_is_referred_to_stays) {
  over(9);
  auto change = [&](int64_t n, auto f) {
    auto d = *run(store->deploy(kTarget, n));
    f(d);
    ASSERT_TRUE(run(store->update_deploy(d, {})));
  };
  change(1, [](Deploy& d) { d.phase = Phase::queued; });
  change(2, [](Deploy& d) { d.presence = Presence::running; });
  change(4, [](Deploy& d) { d.phase = Phase::live; });
  change(8, [](Deploy& d) { d.rollback_of = 5; });
  ASSERT_TRUE(run(keeper->round({})));
  EXPECT_EQ(numbers(), (Numbers{9, 8, 7, 5, 4, 2, 1}));
}

TEST_F(Keeping, the_conductor_forgets_it_too) {
  over(6);
  ASSERT_TRUE(run(conductor->refresh(kTarget)));
  ASSERT_TRUE(conductor->find(kTarget, 1));
  ASSERT_TRUE(run(keeper->round({})));
  EXPECT_FALSE(conductor->find(kTarget, 1));
  EXPECT_TRUE(conductor->find(kTarget, 4));
}

TEST_F(Keeping, another_server_learns_what_is_gone) {
  over(6);
  ASSERT_TRUE(run(conductor->refresh(kTarget)));
  auto d = *run(store->deploy(kTarget, 2));
  ASSERT_TRUE(run(store->forget_deploy(kTarget, 2, d.revision, {})));
  ASSERT_TRUE(run(conductor->refresh(kTarget)));
  EXPECT_FALSE(conductor->find(kTarget, 2));
  for (int64_t n : {1, 3, 6}) EXPECT_TRUE(conductor->find(kTarget, n)) << n;
}

TEST_F(Keeping, nothing_goes_while_the_archive_cannot_be_written) {
  over(5);
  std::ofstream(folder) << "a file in its place";
  auto done = run(keeper->round({}));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::unavailable);
  EXPECT_EQ(numbers().size(), 5u);
  EXPECT_EQ(run(store->document_names(kTarget, 1))->size(), 2u);
  fs::remove(folder);
  ASSERT_TRUE(run(keeper->round({})));
  EXPECT_EQ(numbers().size(), 3u);
  EXPECT_EQ(archived(), (Numbers{1, 2}));
}

TEST_F(Keeping, a_store_that_refuses_loses_nothing_and_what_is_archived_twice_goes_once) {
  over(5);
  store->refuse = true;
  EXPECT_FALSE(run(keeper->round({})));
  EXPECT_EQ(numbers().size(), 5u);
  store->refuse = false;
  ASSERT_TRUE(run(keeper->round({})));
  EXPECT_EQ(numbers().size(), 3u);
  EXPECT_EQ(archived(), (Numbers{1, 1, 2}));
}

TEST_F(Keeping, without_an_archive_nothing_goes_and_it_is_said) {
  over(5);
  keeper = make("");
  auto done = run(keeper->round({}));
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().str(), testing::HasSubstr("--archive"));
  EXPECT_EQ(numbers().size(), 5u);
  EXPECT_FALSE(fs::exists(folder));
}

TEST_F(Keeping, who_leads_no_more_lets_nothing_go) {
  over(5);
  ASSERT_TRUE(run(store->swap_lease({"conductor", "me", 1, 0})));
  ASSERT_TRUE(run(store->swap_lease({"conductor", "other", 2, 1})));
  auto done = run(keeper->round({"conductor", 1}));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::forbidden);
  EXPECT_EQ(numbers().size(), 5u);
  ASSERT_TRUE(run(keeper->round({"conductor", 2})));
  EXPECT_EQ(numbers().size(), 3u);
}

TEST_F(Keeping, old_builds_go_unless_a_deploy_has_them) {
  for (int i = 0; i < 250; ++i) {
    Build b = build(fmt::format("abcdef{}", i), 1000 + i);
    b.message = "grüße";
    ASSERT_TRUE(
        run(store->accept({0, "build", std::to_string(i), now(), "", "", "hello", "{}", "accepted", ""}, b)));
  }
  over(5);  // of builds abcdef0 to abcdef4; the first two go before
  ASSERT_TRUE(run(keeper->round({})));
  std::vector<std::string> left;
  for (const Build& b : run(store->builds("hello", {1000, ""}))->items) left.push_back(b.sha);
  EXPECT_EQ(left, (std::vector<std::string>{"abcdef249", "abcdef248", "abcdef4", "abcdef3", "abcdef2"}));
  auto in_archive = lines("builds");
  ASSERT_EQ(in_archive.size(), 245u);
  EXPECT_EQ(build_from_json(in_archive[0].at("build").as_object()).sha, "abcdef247");
  EXPECT_EQ(build_from_json(in_archive[0].at("build").as_object()).message, "grüße");
  EXPECT_EQ(keeper->gone().builds, 245);
}

TEST_F(Keeping, old_entries_of_the_ledger_go) {
  for (int i = 0; i < 250; ++i) {
    const Time at = now() - (i < 240 ? 2h : 30min);
    ASSERT_TRUE(run(store->accept(
        {0, "build", std::to_string(i), at, "10.0.0.1", "ci", "hello", "{}", "accepted", ""}, std::nullopt)));
  }
  ASSERT_TRUE(run(keeper->round({})));
  EXPECT_EQ(run(store->deliveries({1000, ""}))->items.size(), 10u);
  auto in_archive = lines("deliveries");
  ASSERT_EQ(in_archive.size(), 240u);
  EXPECT_EQ(text_or(in_archive[7].at("delivery").as_object(), "id"), "7");
}

TEST_F(Keeping, limits_that_are_switched_off_keep_all) {
  auto c = std::make_shared<config::Config>(*config);
  c->retention.deploys.reset();
  c->retention.builds_for.reset();
  c->retention.deliveries_for.reset();
  config = c;
  over(5);
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(run(
        store->accept({0, "build", std::to_string(i), from_millis(1), "", "", "hello", "{}", "accepted", ""},
                      build(fmt::format("bbbbbb{}", i), i))));
  ASSERT_TRUE(run(keeper->round({})));
  EXPECT_EQ(numbers().size(), 5u);
  EXPECT_EQ(run(store->builds("hello", {}))->items.size(), 5u);
  EXPECT_EQ(run(store->deliveries({}))->items.size(), 5u);
  EXPECT_FALSE(fs::exists(folder));
}

TEST_F(Keeping, the_leader_looks_by_itself_tries_again_and_measures) {
  over(6);
  std::ofstream(folder) << "a file in its place";
  keeper->lead({});
  auto wait_for = [](std::function<bool()> what) -> Task<Result<>> {
    const auto deadline = Clock::now() + 60s;
    while (!what() && Clock::now() < deadline) co_await sleep_for(10ms);
    if (!what()) co_return fail(ErrorCode::timeout, "test", "it did not happen");
    co_return Result<>{};
  };
  EXPECT_TRUE(run(wait_for([this] { return keeper->trouble().has_value(); })));
  EXPECT_EQ(numbers().size(), 6u);
  fs::remove(folder);
  EXPECT_TRUE(run(wait_for([this] { return keeper->gone().deploys == 3 && !keeper->trouble(); })));
  EXPECT_EQ(numbers(), (Numbers{6, 5, 4}));
  EXPECT_TRUE(run(wait_for([this] {
    const auto& s = keeper->sizes();
    return s.archive > 0 && !s.kinds.empty() && s.kinds[2].kind == "deploys" && s.kinds[2].count == 3;
  })));
  over(1);
  EXPECT_TRUE(run(wait_for([this] { return keeper->gone().deploys == 4; })));
  // Another server leads, then this one again.
  auto follow = [this]() -> Task<Result<>> {
    co_await keeper->follow();
    co_return Result<>{};
  };
  EXPECT_TRUE(run(follow()));
  over(1);
  keeper->lead({});
  EXPECT_TRUE(run(wait_for([this] { return keeper->gone().deploys == 5; })));
}

}  // namespace
}  // namespace lemmy::retention
