// Records through both of Google's emulators.
#include <gtest/gtest.h>

#include <filesystem>

#include "emulator.h"
#include "store/copying.h"
#include "store/filled_test.h"

namespace lemmy::store {
namespace {

struct RecordsOnEmulator : testing::TestWithParam<Emulator::Kind>, Samples {
  void SetUp() override {
    emulator = Emulator::shared(GetParam());
    if (!emulator) GTEST_SKIP() << "this emulator is not on this machine";
    a = fresh();
  }
  std::unique_ptr<Store> fresh() {
    return fresh_store(loop.get_executor(), emulator->host(), fresh_namespace(), kPatient);
  }
  static Delivery delivery(const std::string& id, int64_t seq) {
    return {seq, "build", id, from_millis(1000), "10.0.0.1", "ci", "hello", "{}", "accepted", ""};
  }
  Tallies copy(Store& from, Store& to) {
    auto read =
        run(read_records(&from, [&](std::vector<Record> page) { return to.load(std::move(page)); }, {}));
    if (!read) throw std::runtime_error(read.error().str());
    return *read;
  }
  Tallies tallies(Store& s) { return *run(read_records(&s, {}, {})); }

  Emulator* emulator = nullptr;
  std::unique_ptr<Store> a;
};

TEST_P(RecordsOnEmulator, go_through_it_unchanged_when_they_take_more_than_one_commit) {
  std::vector<Record> all;
  Tallies expected;
  for (RecordKind kind : kRecordKinds) expected[kind];
  for (int n = 1; n <= 1000; ++n) {
    Delivery d = delivery(std::to_string(n), n);
    d.body = std::string("\xff\0", 2) + std::string(20'000, 'x');
    all.push_back(record_of(d));
    expected[RecordKind::delivery].add(all.back());
  }
  auto b = fresh();
  auto loaded = run(b->load(all));
  ASSERT_TRUE(loaded) << loaded.error().str();
  EXPECT_EQ(difference(expected, copy(*b, *a)), "");
  EXPECT_EQ(difference(expected, tallies(*a)), "");
}

TEST_P(RecordsOnEmulator, from_sqlite_and_back_to_it_do_not_change) {
  const auto folder = std::filesystem::temp_directory_path() / ("lemmy-records-" + random_hex(6));
  std::filesystem::create_directory(folder);
  {
    auto from = *open_sqlite(loop.get_executor(), (folder / "from.db").string());
    auto to = *open_sqlite(loop.get_executor(), (folder / "to.db").string());
    fill(*this, *from);
    const Tallies first = copy(*from, *a);
    EXPECT_EQ(difference(first, copy(*a, *to)), "");
    EXPECT_EQ(difference(first, tallies(*to)), "");
  }
  std::filesystem::remove_all(folder);
}

TEST_P(RecordsOnEmulator, of_two_ledger_entries_with_one_number_have_two) {
  for (const char* id : {"one", "two", "three"})
    ASSERT_TRUE(run(a->load({record_of(delivery(id, 1'790'000'000'000'005))})));
  std::set<std::string> keys;
  Page page{1, ""};
  do {
    auto found = run(a->dump(RecordKind::delivery, page));
    ASSERT_TRUE(found) << found.error().str();
    for (const Record& r : found->items) keys.insert(r.key.substr(0, r.key.find('/')));
    page.after = found->next;
  } while (!page.after.empty());
  EXPECT_EQ(keys, (std::set<std::string>{"1790000000000005", "1790000000000006", "1790000000000007"}));
  auto b = fresh();
  EXPECT_EQ(difference(copy(*a, *b), tallies(*b)), "");
}

INSTANTIATE_TEST_SUITE_P(Datastore, RecordsOnEmulator, testing::Values(Emulator::Kind::datastore));
INSTANTIATE_TEST_SUITE_P(Firestore, RecordsOnEmulator, testing::Values(Emulator::Kind::firestore));

}  // namespace
}  // namespace lemmy::store
