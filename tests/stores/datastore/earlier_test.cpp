// What an earlier release left in the Datastore emulator.
#include "store/earlier_test.h"

#include <filesystem>

#include "base/crypto.h"
#include "emulator.h"
#include "store/copying.h"

namespace lemmy::store {
namespace {

struct DatastoreEarlier : testing::Test, Samples {
  void SetUp() override {
    emulator = Emulator::on_disk(earlier::unzipped("datastore.bin.gz"));
    if (!emulator) GTEST_SKIP() << "this emulator is not on this machine";
    store = fresh_store(loop.get_executor(), emulator->host(), "earlier", kPatient);
  }
  const std::vector<Record> was = earlier::records("datastore.records.gz");
  std::unique_ptr<Emulator> emulator;
  std::unique_ptr<Store> store;
};

TEST_F(DatastoreEarlier, entities_are_read_and_say_the_same) {
  earlier::Comparison c(*this, *store, was);
  c.same_records();
  c.same_answers();
  c.goes_on();
}

TEST_F(DatastoreEarlier, entities_are_copied_to_sqlite_and_back_and_say_the_same) {
  const auto folder = std::filesystem::temp_directory_path() / ("lemmy-earlier-" + random_hex(6));
  std::filesystem::create_directory(folder);
  {
    auto between = *open_sqlite(loop.get_executor(), (folder / "between.db").string());
    auto to = fresh_store(loop.get_executor(), emulator->host(), fresh_namespace(), kPatient);
    auto copy = [this](Store& a, Store& b) {
      return run(read_records(&a, [&](std::vector<Record> page) { return b.load(std::move(page)); }, {}))
          .value();
    };
    const Tallies all = copy(*store, *between);
    EXPECT_EQ(difference(all, copy(*between, *to)), "");
    for (Store* one : {between.get(), to.get()}) {
      earlier::Comparison c(*this, *one, was);
      c.same_records();
      c.same_answers();
      c.goes_on();
    }
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace lemmy::store
