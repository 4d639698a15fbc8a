// The feed is told of each change of a deploy, once.
#include "deploy/told.h"

#include "pods/conducting_test.h"

namespace lemmy::pods {
namespace {

struct Told : Conducting {
  // "#1 live" ..., in the order of the feed.
  Task<std::vector<std::string>> feed() {
    std::vector<std::string> out;
    auto f = co_await store->feed(0, 1000);
    EXPECT_TRUE(f) << f.error().str();
    if (f)
      for (const store::FeedItem& i : f->items)
        out.push_back(fmt::format("#{} {}", i.number, std::string(i.body.at("what").as_string())));
    co_return out;
  }
  Task<bool> does(int64_t number, Action action, std::function<bool(const Deploy&)> what) {
    auto done = co_await conductor->act({kTarget, number, action, "bob", "", "", true});
    EXPECT_TRUE(done) << done.error().str();
    co_return co_await becomes(done ? done->number : number, what);
  }
  using Lines = std::vector<std::string>;
};

TEST_F(Told, each_change_of_a_deploy_is_in_the_feed_in_its_order) {
  run([this]() -> Task<> {
    auto live = [](const Deploy& d) { return d.phase == Phase::live; };
    auto zeroed = [](const Deploy& d) { return d.presence == Presence::zeroed; };
    auto running = [](const Deploy& d) { return d.presence == Presence::running; };
    auto deleted = [](const Deploy& d) { return d.presence == Presence::deleted; };
    co_await ask_live();
    co_await ask_live();
    bool ok = co_await does(1, Action::rollback, live);
    EXPECT_TRUE(ok);
    ok = co_await becomes(2, [](const Deploy& d) { return d.out_by == 3; });
    EXPECT_TRUE(ok);
    ok = co_await does(1, Action::zero, zeroed);
    EXPECT_TRUE(ok);
    ok = co_await does(1, Action::restore, running);
    EXPECT_TRUE(ok);
    ok = co_await does(1, Action::remove, deleted);
    EXPECT_TRUE(ok);
    auto lines = co_await feed();
    std::map<std::string, Lines> by_number;
    for (const std::string& l : lines) by_number[l.substr(0, 2)].push_back(l.substr(3));
    EXPECT_EQ(by_number["#1"], (Lines{"queued", "started", "live", "zeroed", "restored", "deleted"}));
    EXPECT_EQ(by_number["#2"], (Lines{"queued", "started", "live", "taken_out"}));
    EXPECT_EQ(by_number["#3"], (Lines{"queued", "started", "rolled_back"}));
  });
}

TEST_F(Told, a_write_whose_answer_was_lost_is_told_once) {
  run([this]() -> Task<> {
    const int64_t number = co_await ask();
    auto again = co_await conductor->request({kTarget, kSha, "ada", "", "click"});
    auto twice = co_await conductor->request({kTarget, kSha, "ada", "", "click"});
    EXPECT_EQ(again->number, twice->number);
    store->doubt_all = true;
    bool live = co_await becomes(again->number, [](const Deploy& d) { return d.phase == Phase::live; }, 30s);
    EXPECT_TRUE(live);
    store->doubt_all = false;
    Lines of_last;
    auto lines = co_await feed();
    for (const std::string& l : lines)
      if (l.starts_with(fmt::format("#{} ", again->number))) of_last.push_back(l.substr(3));
    EXPECT_EQ(of_last, (Lines{"queued", "started", "live"}));
    EXPECT_LT(number, again->number);
  });
}

TEST_F(Told, what_is_not_written_is_not_told) {
  run([this]() -> Task<> {
    store->refused = kTarget.environment;
    auto refused = co_await conductor->request({kTarget, kSha, "ada", "", ""});
    EXPECT_FALSE(refused);
    auto lines = co_await feed();
    EXPECT_EQ(lines, Lines{});
  });
}

TEST_F(Told, numbers_that_only_an_archive_has_are_not_given_again) {
  archived = 41;
  run([this]() -> Task<> {
    const int64_t first = co_await ask();
    EXPECT_EQ(first, 42);
    const int64_t second = co_await ask();
    EXPECT_EQ(second, 43);
    archived = fail(ErrorCode::unavailable, "archive", "it is being read");
    auto refused = co_await conductor->request({kTarget, kSha, "ada", "", ""});
    EXPECT_FALSE(refused);
  });
}

}  // namespace
}  // namespace lemmy::pods
