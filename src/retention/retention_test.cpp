// The keeper and its archive, with a real store: deploys.
#include <gmock/gmock.h>

#include <fstream>

#include "retention/keeping_test.h"

namespace lemmy::retention {
namespace {

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

}  // namespace
}  // namespace lemmy::retention
