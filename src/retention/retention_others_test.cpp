// The keeper and its archive, with a real store: builds, the ledger, and when it looks.
#include <fmt/format.h>

#include <fstream>

#include "retention/keeping_test.h"

namespace lemmy::retention {
namespace {

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
