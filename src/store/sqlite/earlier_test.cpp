// SQLite files of an earlier release, and one whose migration is not whole.
#include "store/earlier_test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "store/copying.h"
#include "store/maintain.h"
#include "store/sqlite/fixture.h"

namespace lemmy::store {
namespace {

struct SqliteEarlier : Sqlite {
  SqliteEarlier() {
    if (auto ok = write_file(path, earlier::unzipped("sqlite.db.gz"), 0600); !ok)
      throw std::runtime_error(ok.error().str());
  }
  std::unique_ptr<SqliteStore> open() {
    auto s = SqliteStore::open(loop.get_executor(), path);
    if (!s) throw std::runtime_error(s.error().str());
    return std::move(*s);
  }
  Error refused() {
    const auto before = *read_file(path);
    auto s = SqliteStore::open(loop.get_executor(), path);
    EXPECT_FALSE(s);
    EXPECT_EQ(*read_file(path), before);
    EXPECT_EQ(run(look_at(loop.get_executor(), "sqlite:" + path, true)).error().str(), s.error().str());
    return s.error();
  }
  void sql(const std::string& text) {
    SQLite::Database db(path, SQLite::OPEN_READWRITE);
    db.exec(text);
  }
  const std::vector<Record> was = earlier::records("sqlite.records.gz");
};

TEST_F(SqliteEarlier, files_are_taken_forward_and_say_the_same) {
  auto store = open();
  earlier::Comparison c(*this, *store, was);
  c.same_records();
  c.same_answers();
  c.goes_on();
}

TEST_F(SqliteEarlier, files_are_only_read_once_they_are_migrated) {
  EXPECT_EQ(run(look_at(loop.get_executor(), "sqlite:" + path, true))->schema, 2);
  auto old = run(open_for_reading(loop.get_executor(), "sqlite:" + path, Reading::alone));
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().hint, "lemmy store migrate sqlite:" + path);
  open();
  auto now = run(open_for_reading(loop.get_executor(), "sqlite:" + path, Reading::alone));
  ASSERT_TRUE(now) << now.error().str();
  earlier::Comparison c(*this, **now, was);
  c.same_records();
  c.same_answers();
}

TEST_F(SqliteEarlier, backups_are_loaded_into_a_new_store_and_say_the_same) {
  auto store = *open_sqlite(loop.get_executor(), fresh_path());
  ASSERT_TRUE(run(store->load(was)));
  earlier::Comparison c(*this, *store, was);
  c.same_records();
  c.same_answers();
  c.goes_on();
}

// Killed at any moment, a migration is done or not begun.
TEST_F(SqliteEarlier, a_migration_that_is_killed_is_done_again) {
  for (int microseconds : {0, 500, 1000, 2000, 4000, 8000, 16'000}) {
    ASSERT_TRUE(write_file(path, earlier::unzipped("sqlite.db.gz"), 0600));
    for (const char* more : {"-wal", "-shm"}) std::filesystem::remove(path + more);
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(open_for_writing(path) ? 0 : 1);
    ::usleep(static_cast<useconds_t>(microseconds));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    auto store = open();
    earlier::Comparison c(*this, *store, was);
    c.same_records();
  }
}

TEST_F(SqliteEarlier, a_file_that_is_half_migrated_is_refused_with_what_is_missing) {
  open();
  sql("PRAGMA journal_mode = DELETE");
  sql("DROP TABLE feed");
  Error e = refused();
  EXPECT_EQ(e.code, ErrorCode::internal);
  EXPECT_NE(e.what.find("half migrated"), std::string::npos) << e.str();
  EXPECT_NE(e.what.find("feed is missing"), std::string::npos) << e.str();
  EXPECT_NE(e.hint.find("backup"), std::string::npos) << e.str();
}

TEST_F(SqliteEarlier, a_file_that_has_more_than_it_says_is_refused) {
  sql("CREATE TABLE entries (x)");
  Error e = refused();
  EXPECT_EQ(e.code, ErrorCode::internal);
  EXPECT_NE(e.what.find("it says schema 2, and table entries of a newer one is there"), std::string::npos)
      << e.str();
}

}  // namespace
}  // namespace lemmy::store
