#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "base/files.h"
#include "store/sqlite/fixture.h"

namespace lemmy::store {
namespace {

TEST_F(Sqlite, a_second_server_on_one_file_is_refused_with_the_process_named) {
  auto first = SqliteStore::open(loop.get_executor(), path);
  ASSERT_TRUE(first);
  auto second = SqliteStore::open(loop.get_executor(), path);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().what.find(std::to_string(::getpid())), std::string::npos);
}

// A program that a server was about to begin when it was killed has the lock until it is begun.
TEST_F(Sqlite, a_lock_that_outlives_its_server_for_a_moment_is_waited_for) {
  const int fd = ::open((path + ".lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  ASSERT_EQ(::flock(fd, LOCK_EX), 0);
  std::thread child([fd] {
    std::this_thread::sleep_for(std::chrono::milliseconds{200});
    ::close(fd);
  });
  auto next = SqliteStore::open(loop.get_executor(), path);
  child.join();
  EXPECT_TRUE(next) << next.error().str();
}

TEST_F(Sqlite, a_newer_schema_a_corrupt_file_and_a_missing_folder_are_refused_clearly) {
  {
    ASSERT_TRUE(SqliteStore::open(loop.get_executor(), path));
  }
  {
    SQLite::Database(path, SQLite::OPEN_READWRITE).exec("PRAGMA user_version = 99");
  }
  EXPECT_EQ(SqliteStore::open(loop.get_executor(), path).error().code, ErrorCode::conflict);
  auto junk = fresh_path();
  ASSERT_TRUE(write_file(junk, std::string(8192, 'j')));
  auto r = SqliteStore::open(loop.get_executor(), junk);
  ASSERT_FALSE(r);
  EXPECT_NE(r.error().what.find("not a sound SQLite file"), std::string::npos) << r.error().str();
  EXPECT_EQ(*read_file(junk), std::string(8192, 'j'));
  EXPECT_EQ(SqliteStore::open(loop.get_executor(), "/nowhere/x.db").error().code, ErrorCode::unavailable);
  for (auto bad : {"mysql://x", "sqlite:", "", "x.db"})
    EXPECT_FALSE(run(open_store(loop.get_executor(), bad))) << bad;
}

TEST_F(Sqlite, the_file_is_readable_by_its_owner_only) {
  {
    ASSERT_TRUE(SqliteStore::open(loop.get_executor(), path));
  }
  struct stat info;
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(Sqlite, a_second_server_is_refused_by_any_name_of_the_file) {
  auto first = SqliteStore::open(loop.get_executor(), path);
  ASSERT_TRUE(first);
  std::string link = fresh_path();
  std::filesystem::create_symlink(path, link);
  EXPECT_EQ(SqliteStore::open(loop.get_executor(), link).error().code, ErrorCode::conflict);
  first->reset();
  EXPECT_TRUE(SqliteStore::open(loop.get_executor(), link));
}

TEST_F(Sqlite, a_newer_file_is_left_as_it_was_byte_for_byte) {
  SQLite::Database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE)
      .exec("CREATE TABLE later (x); PRAGMA user_version = 99");
  auto before = *read_file(path);
  auto r = SqliteStore::open(loop.get_executor(), path);
  ASSERT_FALSE(r);
  EXPECT_NE(r.error().what.find("schema 99"), std::string::npos);
  EXPECT_FALSE(r.error().hint.empty());
  EXPECT_EQ(*read_file(path), before);
}

TEST_F(Sqlite, a_sqlite_file_of_another_program_is_refused_and_left_as_it_was) {
  SQLite::Database(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE).exec("CREATE TABLE bookmarks (url)");
  auto before = *read_file(path);
  auto r = SqliteStore::open(loop.get_executor(), path);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, ErrorCode::conflict);
  EXPECT_EQ(*read_file(path), before);
}

TEST_F(Sqlite, a_file_damaged_in_the_middle_is_refused_when_opened) {
  {
    auto store = *SqliteStore::open(loop.get_executor(), path);
    for (int i = 0; i < 300; ++i) ASSERT_TRUE(run(store->accept(delivery(i), std::nullopt)));
  }
  auto text = *read_file(path);
  ASSERT_GT(text.size(), 40'000u);
  for (size_t i = 4096; i < 40'000; ++i) text[i] = 'j';
  ASSERT_TRUE(write_file(path, text, 0600));
  auto r = SqliteStore::open(loop.get_executor(), path);
  ASSERT_FALSE(r);
  EXPECT_NE(r.error().what.find("not a sound SQLite file"), std::string::npos) << r.error().str();
  EXPECT_NE(r.error().hint.find("backup"), std::string::npos);
}

TEST_F(Sqlite, an_empty_file_becomes_a_store_and_a_folder_does_not) {
  ASSERT_TRUE(write_file(path, "", 0644));
  EXPECT_TRUE(SqliteStore::open(loop.get_executor(), path));
  struct stat info;
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u) << "no more open than one that we make";
  auto folder = fresh_path();
  std::filesystem::create_directory(folder);
  EXPECT_EQ(SqliteStore::open(loop.get_executor(), folder).error().code, ErrorCode::invalid);
}

TEST_F(Sqlite, a_place_that_cannot_be_written_is_refused) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write anywhere";
  auto folder = fresh_path();
  std::filesystem::create_directory(folder);
  ::chmod(folder.c_str(), 0500);
  EXPECT_EQ(SqliteStore::open(loop.get_executor(), folder + "/x.db").error().code, ErrorCode::unavailable);
  ASSERT_TRUE(SqliteStore::open(loop.get_executor(), path));
  ::chmod(path.c_str(), 0400);
  auto r = SqliteStore::open(loop.get_executor(), path);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().what, "the file cannot be written");
}

TEST_F(Sqlite, nothing_is_written_to_a_file_that_is_not_at_its_path_until_it_is_back) {
  auto store = *SqliteStore::open(loop.get_executor(), path);
  ASSERT_TRUE(run(store->accept(delivery(1), std::nullopt)));
  EXPECT_EQ(run(store->deliveries({}))->items.size(), 1u);
  auto becomes = [&](bool up) {
    const auto limit = Clock::now() + seconds(60);
    while (run(store->check()).has_value() != up)
      if (Clock::now() > limit)
        return false;
      else
        ::usleep(50'000);
    return true;
  };
  const std::string aside = fresh_path();
  std::filesystem::rename(path, aside);
  ASSERT_TRUE(becomes(false));
  auto r = run(store->accept(delivery(2), std::nullopt));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, ErrorCode::unavailable);
  EXPECT_EQ(r.error().where, std::filesystem::weakly_canonical(path).string());
  EXPECT_EQ(r.error().what, "the store's file was removed or replaced while it was open");
  EXPECT_EQ(r.error().hint, "put it back as it was, or start Lemmy anew");
  auto lease = run(store->swap_lease({"conductor", "me", 1, 0}));
  ASSERT_FALSE(lease);
  EXPECT_EQ(lease.error().code, ErrorCode::unavailable) << "whoever cannot write does not lead";
  EXPECT_EQ(run(store->deliveries({}))->items.size(), 1u) << "what is there may be read";

  ASSERT_TRUE(write_file(path, "", 0600));
  ::usleep(1'100'000);  // it looks again, and this is another file
  EXPECT_FALSE(run(store->accept(delivery(2), std::nullopt)));
  EXPECT_EQ(*read_file(path), "");

  std::filesystem::rename(aside, path);
  ASSERT_TRUE(becomes(true));
  EXPECT_TRUE(run(store->accept(delivery(2), std::nullopt)));
  EXPECT_EQ(run(store->deliveries({}))->items.size(), 2u);
}

TEST_F(Sqlite, a_write_ahead_log_that_was_removed_loses_nothing_that_was_accepted_before) {
  for (const std::string part : {"-wal", "-shm"}) {
    const std::string path = fresh_path();
    auto store = *SqliteStore::open(loop.get_executor(), path);
    ASSERT_TRUE(run(store->accept(delivery(1), std::nullopt)));
    ASSERT_GT(std::filesystem::file_size(path + "-wal"), 0u);
    std::filesystem::remove(path + part);
    ::usleep(1'100'000);
    auto r = run(store->accept(delivery(2), std::nullopt));
    ASSERT_FALSE(r) << "a kill would lose it";
    EXPECT_EQ(r.error().code, ErrorCode::unavailable);
    EXPECT_TRUE(r.error().where.ends_with(part)) << r.error().where;
    EXPECT_TRUE(r.error().hint.ends_with("start Lemmy anew")) << r.error().hint;
    // As after a kill: a copy of what is on the disk.
    const std::string copy = fresh_path();
    std::filesystem::copy_file(path, copy);
    auto after = *SqliteStore::open(loop.get_executor(), copy);
    EXPECT_EQ(run(after->deliveries({}))->items.size(), 1u);
  }
}

TEST_F(Sqlite, a_file_that_was_removed_is_noticed_by_who_writes_later) {
  auto store = *SqliteStore::open(loop.get_executor(), path);
  ASSERT_TRUE(run(store->accept(delivery(1), std::nullopt)));
  std::filesystem::remove(path);
  ::usleep(1'100'000);
  auto r = run(store->accept(delivery(2), std::nullopt));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, ErrorCode::unavailable);
  EXPECT_EQ(SqliteStore::open(loop.get_executor(), path).error().code, ErrorCode::conflict)
      << "the first still has the lock";
}

}  // namespace
}  // namespace lemmy::store
