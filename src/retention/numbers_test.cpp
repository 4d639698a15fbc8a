// Numbers of deploys that only the archive has.
#include "retention/numbers.h"

#include <fstream>
#include <thread>

#include "base/files.h"
#include "retention/keeping_test.h"

namespace lemmy::retention {
namespace {

using Highest = std::map<Target, int64_t>;

struct InArchive : Keeping {
  std::atomic<bool> never{false};
  Highest read() {
    auto found = archived_numbers(folder, never);
    EXPECT_TRUE(found) << found.error().str();
    return found ? *found : Highest{};
  }
  fs::path month() const { return folder / Archive::file_name("deploys", now()); }
  static Task<Result<int64_t>> asked(Retention* keeper, Target target) {
    co_return co_await keeper->archived_number(std::move(target));
  }
};

TEST_F(InArchive, the_highest_of_each_target_is_found_and_what_was_read_is_read_once) {
  EXPECT_EQ(read(), Highest{});
  over(6);
  over(4, {"hello", "production"});
  ASSERT_TRUE(run(keeper->round({})));
  const Highest all{{kTarget, 3}, {{"hello", "production"}, 1}};
  EXPECT_EQ(read(), all);
  // Only what is behind what was read is looked at.
  const auto size = fs::file_size(month());
  {
    std::fstream file(month(), std::ios::in | std::ios::out | std::ios::binary);
    file << "no gzip any more";
  }
  over(2);
  auto next = make(folder);
  fs::path aside = folder / "was";
  EXPECT_EQ(read(), all);
  EXPECT_EQ(fs::file_size(month()), size);
  // Without the note all of it is read, as far as that goes.
  fs::remove(folder / "numbers.json");
  EXPECT_EQ(read(), Highest{});
}

TEST_F(InArchive, what_was_appended_since_is_found_and_torn_or_foreign_things_do_not_matter) {
  over(5);
  ASSERT_TRUE(run(keeper->round({})));
  EXPECT_EQ(read(), (Highest{{kTarget, 2}}));
  const auto whole = fs::file_size(month());
  over(3);
  ASSERT_TRUE(run(keeper->round({})));
  const auto more = fs::file_size(month());
  fs::copy_file(month(), dir / "copy");
  fs::resize_file(month(), (whole + more) / 2);  // torn
  EXPECT_GE(read().at(kTarget), 3);
  fs::copy_file(dir / "copy", month(), fs::copy_options::overwrite_existing);
  std::ofstream(folder / "deploys-of-mine.txt") << "x";
  EXPECT_EQ(read(), (Highest{{kTarget, 5}}));
  std::ofstream(folder / "numbers.json") << "{\"files\": 7";
  EXPECT_EQ(read(), (Highest{{kTarget, 5}}));
  fs::rename(month(), month().string() + ".damaged-1");
  EXPECT_EQ(read(), (Highest{{kTarget, 5}}));
  std::atomic<bool> stop{true};
  fs::remove(folder / "numbers.json");
  EXPECT_EQ(archived_numbers(folder, stop).error().code, ErrorCode::cancelled);
}

TEST_F(InArchive, a_new_store_with_the_archive_of_before_goes_on_behind_its_numbers) {
  over(6);
  ASSERT_TRUE(run(keeper->round({})));
  run(stop());
  auto opened = store::open_sqlite(loop.get_executor(), (dir / "new.db").string());
  ASSERT_TRUE(opened);
  auto old = std::exchange(store, std::make_unique<Doubtful>(std::move(*opened)));
  around.store = store.get();
  conductor = std::make_unique<Conductor>(around);
  keeper = make(folder);
  EXPECT_EQ(*run(asked(keeper.get(), kTarget)), 3);
  EXPECT_EQ(*run(asked(keeper.get(), {"hello", "production"})), 0);
  // And other servers, which do not have it, learn it from the store, also when that is away at first.
  store->refuse_raises = 2;
  keeper->lead({});
  auto raised = [this]() -> Task<Result<>> {
    const auto deadline = Clock::now() + 30s;
    while (Clock::now() < deadline) {
      auto last = co_await store->raise_number(kTarget, 0);
      if (last && *last == 3) co_return Result<>{};
      co_await sleep_for(5ms);
    }
    co_return fail(ErrorCode::timeout, "test", "it was not raised");
  };
  EXPECT_TRUE(run(raised()));
  EXPECT_EQ(run(store->create_deploy(deploy(), event("next")))->number, 4);
}

TEST_F(InArchive, one_that_cannot_be_read_is_told_and_is_written_all_the_same) {
  over(6);
  run(stop());
  Hanging hangs(fs::path(folder) / "deploys-2020-01.jsonl.gz");
  Retention::Times times = kTimes;
  times.archive_at_most = 50ms;
  keeper = make(folder, times);
  keeper->lead({});
  EXPECT_TRUE(comes([this] { return keeper->gone().deploys == 3 && keeper->trouble(); }));
  EXPECT_NE(keeper->trouble()->what.find("not read yet"), std::string::npos);
  hangs.file_ = Fd();
  EXPECT_TRUE(comes([this] { return !keeper->trouble(); }));
}

TEST_F(InArchive, a_write_that_hangs_is_told_and_no_other_is_begun_before_it_ended) {
  over(6);
  run(stop());
  Retention::Times times = kTimes;
  times.write_at_most = 100ms;
  keeper = make(folder, times);
  run(asked(keeper.get(), kTarget));  // it is read
  Hanging hangs(month());
  EXPECT_EQ(run(keeper->round({})).error().code, ErrorCode::timeout);
  EXPECT_EQ(run(keeper->round({})).error().what, "an earlier write has not ended");
  EXPECT_EQ(numbers().size(), 6u);
  hangs.file_ = Fd();
  const auto deadline = Clock::now() + 30s;
  while (!run(keeper->round({})) && Clock::now() < deadline) std::this_thread::sleep_for(10ms);
  EXPECT_EQ(numbers(), (Keeping::Numbers{6, 5, 4}));
}

TEST_F(InArchive, a_deploy_waits_while_it_is_read_but_not_for_ever) {
  over(6);
  ASSERT_TRUE(run(keeper->round({})));
  run(stop());
  Hanging hangs(dir / "hangs" / "deploys-2020-01.jsonl.gz");
  Retention::Times times{.first = 10ms, .pause = 0ms, .sizes = 50ms};
  times.archive_wait = 50ms;
  times.archive_at_most = 1s;
  keeper = make((dir / "hangs").string(), times);
  auto waits = run(asked(keeper.get(), kTarget));
  ASSERT_FALSE(waits);
  EXPECT_EQ(waits.error().code, ErrorCode::unavailable);
  run([]() -> Task<Result<>> {
    co_await sleep_for(1100ms);
    co_return Result<>{};
  }());
  auto goes_on = run(asked(keeper.get(), kTarget));
  ASSERT_TRUE(goes_on);
  EXPECT_EQ(*goes_on, 0);
}

}  // namespace
}  // namespace lemmy::retention
