#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/files.h"
#include "store/conformance.h"
#include "store/sqlite/sqlite_store.h"

namespace lemmy::store {
namespace {

std::string fresh_path() {
  static const std::filesystem::path dir = [] {
    auto d = std::filesystem::temp_directory_path() / ("lemmy-store-" + random_hex(6));
    std::filesystem::create_directory(d);
    return d;
  }();
  static int n = 0;
  return (dir / (std::to_string(n++) + ".db")).string();
}

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformance,
                         testing::Values(BackendFactory{"sqlite", [](asio::any_io_executor e) {
                                                          auto s = open_store(e, "sqlite:" + fresh_path());
                                                          if (!s) throw std::runtime_error(s.error().str());
                                                          return std::move(*s);
                                                        }}));

struct Sqlite : testing::Test {
  template <class T>
  T run(Task<T> task) {
    auto future = asio::co_spawn(loop, std::move(task), asio::use_future);
    loop.restart();
    loop.run();
    return future.get();
  }
  Delivery delivery(int i) {
    return {0, "build", std::to_string(i), now(), "", "", "hello", "{}", "accepted", ""};
  }
  asio::io_context loop;
  std::string path = fresh_path();
};

TEST_F(Sqlite, many_waiting_writes_share_few_commits) {
  auto store = *SqliteStore::open(loop.get_executor(), path);
  std::vector<std::future<Result<Accepted>>> all;
  for (int i = 0; i < 500; ++i)
    all.push_back(asio::co_spawn(loop, store->accept(delivery(i), std::nullopt), asio::use_future));
  loop.run();
  for (auto& f : all) EXPECT_TRUE(f.get());
  EXPECT_LT(store->commits(), 250u);
}

TEST_F(Sqlite, what_was_acknowledged_survives_kill_9) {
  for (int round = 0; round < 8; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    pid_t child = ::fork();
    if (child == 0) {
      asio::io_context io;
      auto store = SqliteStore::open(io.get_executor(), path);
      if (!store) ::_exit(1);
      for (int w = 0; w < 8; ++w)
        asio::co_spawn(
            io,
            [](SqliteStore& s, int first, int fd) -> Task<> {
              for (int i = first;; i += 8) {
                Delivery d{0, "build", std::to_string(i), now(), "", "", "hello", "{}", "accepted", ""};
                auto ok = co_await s.accept(d, std::nullopt);
                if (ok && ::write(fd, &i, sizeof i) != sizeof i) ::_exit(2);
              }
            }(**store, round * 1'000'000 + w, ends[1]),
            asio::detached);
      io.run();
      ::_exit(0);
    }
    ::close(ends[1]);
    ::usleep(30'000 + round * 7'919);
    ::kill(child, SIGKILL);
    std::set<std::string> acknowledged;
    for (int i; ::read(ends[0], &i, sizeof i) == sizeof i;) acknowledged.insert(std::to_string(i));
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    EXPECT_FALSE(acknowledged.empty());
    auto store = SqliteStore::open(loop.get_executor(), path);
    ASSERT_TRUE(store) << store.error().str();
    Page page{1000, ""};
    do {
      auto l = *run((*store)->deliveries(page));
      for (auto& d : l.items) acknowledged.erase(d.id);
      page.after = l.next;
    } while (!page.after.empty());
    EXPECT_TRUE(acknowledged.empty()) << acknowledged.size() << " lost, such as " << *acknowledged.begin();
  }
}

TEST_F(Sqlite, a_second_server_on_one_file_is_refused_with_the_process_named) {
  auto first = SqliteStore::open(loop.get_executor(), path);
  ASSERT_TRUE(first);
  auto second = SqliteStore::open(loop.get_executor(), path);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().what.find(std::to_string(::getpid())), std::string::npos);
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
    EXPECT_FALSE(open_store(loop.get_executor(), bad)) << bad;
}

TEST_F(Sqlite, the_file_is_readable_by_its_owner_only) {
  {
    ASSERT_TRUE(SqliteStore::open(loop.get_executor(), path));
  }
  struct stat info;
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(Sqlite, a_full_disk_fails_writes_and_recovers_by_itself) {
  auto db = open_for_writing(path);
  ASSERT_TRUE(db);
  (*db)->execAndGet("PRAGMA max_page_count = 40");
  SQLite::Database* raw = db->get();
  auto worker = std::make_unique<Worker>(loop.get_executor(), std::move(*db), Worker::Kind::writer);
  auto put = [&](int size) {
    return run(worker->run<void>([size](SQLite::Database& d) -> Result<> {
      SQLite::Statement s(
          d,
          "INSERT INTO deliveries (hook, id, verdict, at, sender, caller, project, body, why) "
          "VALUES ('build', hex(randomblob(8)), 'accepted', 0, '', '', '', ?, '')");
      s.bind(1, std::string(size, 'x'));
      s.exec();
      return {};
    }));
  };
  ASSERT_TRUE(put(10));
  auto full = put(1'000'000);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().what, "the disk is full");
  raw->execAndGet("PRAGMA max_page_count = 100000");
  EXPECT_TRUE(put(1'000'000));
}

}  // namespace
}  // namespace lemmy::store
