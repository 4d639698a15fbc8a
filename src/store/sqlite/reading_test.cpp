// SQLite files that are only read.
#include "base/files.h"
#include "store/copying.h"
#include "store/maintain.h"
#include "store/sqlite/fixture.h"

namespace lemmy::store {
namespace {

struct SqliteReading : Sqlite {
  Result<std::unique_ptr<Store>> reading(Reading how) {
    return run(open_for_reading(loop.get_executor(), "sqlite:" + path, how));
  }
  Result<About> look(bool thorough = true) {
    return run(look_at(loop.get_executor(), "sqlite:" + path, thorough));
  }
};

TEST_F(SqliteReading, beside_a_server_it_is_as_it_was_at_one_moment_and_takes_no_writes) {
  auto server = *SqliteStore::open(loop.get_executor(), path);
  ASSERT_TRUE(run(server->accept(delivery(1), build("abcdef0", 1))));
  auto reader = reading(Reading::beside);
  ASSERT_TRUE(reader) << reader.error().str();
  ASSERT_TRUE(run(server->accept(delivery(2), build("abcdef1", 1))));
  EXPECT_EQ(run((*reader)->dump(RecordKind::build, {}))->items.size(), 1u);
  EXPECT_FALSE(run((*reader)->accept(delivery(3), std::nullopt)));
  EXPECT_EQ(run(server->dump(RecordKind::delivery, {}))->items.size(), 2u);
}

TEST_F(SqliteReading, alone_it_is_refused_beside_a_server_and_keeps_servers_off) {
  auto server = *SqliteStore::open(loop.get_executor(), path);
  EXPECT_EQ(reading(Reading::alone).error().code, ErrorCode::conflict);
  server.reset();
  auto reader = reading(Reading::alone);
  ASSERT_TRUE(reader) << reader.error().str();
  EXPECT_EQ(SqliteStore::open(loop.get_executor(), path).error().code, ErrorCode::conflict);
}

TEST_F(SqliteReading, looking_makes_nothing_and_says_what_is_there) {
  EXPECT_EQ(look().error().code, ErrorCode::not_found);
  EXPECT_FALSE(std::filesystem::exists(path));
  ASSERT_TRUE(write_file(path, "", 0600));
  EXPECT_EQ(look()->schema, 0);
  {
    ASSERT_TRUE(SqliteStore::open(loop.get_executor(), path));
  }
  EXPECT_EQ(look()->schema, look()->newest);
  SQLite::Database(path, SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 99");
  EXPECT_EQ(look().error().code, ErrorCode::conflict);
}

TEST_F(SqliteReading, a_thorough_look_finds_an_index_that_does_not_fit) {
  {
    auto server = *SqliteStore::open(loop.get_executor(), path);
    ASSERT_TRUE(run(server->accept(delivery(1), build("abcdef0", 1))));
  }
  {
    // The index goes, and its definition stays, as if a page of it were lost.
    SQLite::Database db(path, SQLite::OPEN_READWRITE);
    db.exec(
        "DROP INDEX builds_by_time; CREATE INDEX builds_by_time ON builds (project, pushed_at DESC) "
        "WHERE project = 'none'; PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql = "
        "'CREATE INDEX builds_by_time ON builds (project, pushed_at DESC)' WHERE name = 'builds_by_time'");
  }
  EXPECT_TRUE(look(false));
  auto found = look();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, ErrorCode::internal);
  EXPECT_NE(found.error().what.find("builds_by_time"), std::string::npos) << found.error().str();
}

}  // namespace
}  // namespace lemmy::store
