#include <sqlite3.h>

#include "store/conformance.h"
#include "store/sqlite/fixture.h"

namespace lemmy::store {
namespace {

INSTANTIATE_TEST_SUITE_P(Sqlite, StoreConformance,
                         testing::Values(BackendFactory{"sqlite", [](asio::any_io_executor e) {
                                                          auto s = open_sqlite(e, fresh_path());
                                                          if (!s) throw std::runtime_error(s.error().str());
                                                          return std::move(*s);
                                                        }}));

TEST_F(Sqlite, many_waiting_writes_share_few_commits) {
  auto store = *SqliteStore::open(loop.get_executor(), path);
  std::vector<std::future<Result<Accepted>>> all;
  for (int i = 0; i < 500; ++i)
    all.push_back(asio::co_spawn(loop, store->accept(delivery(i), std::nullopt), asio::use_future));
  loop.run();
  for (auto& f : all) EXPECT_TRUE(f.get());
  EXPECT_LT(store->commits(), 250u);
}

TEST_F(Sqlite, a_call_that_comes_again_writes_nothing) {
  auto store = *SqliteStore::open(loop.get_executor(), path);
  ASSERT_EQ(run(store->accept(delivery(1), std::nullopt))->delivery.seq, 1);
  const auto before = std::filesystem::file_size(path + "-wal");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(run(store->accept(delivery(1), std::nullopt))->duplicate);
  EXPECT_EQ(std::filesystem::file_size(path + "-wal"), before) << "it would fail when the disk is full";
  EXPECT_EQ(run(store->accept(delivery(2), std::nullopt))->delivery.seq, 2);
}

TEST_F(Sqlite, a_full_disk_fails_writes_and_recovers_by_itself) {
  auto db = open_for_writing(path);
  ASSERT_TRUE(db);
  (*db)->execAndGet("PRAGMA max_page_count = 40");
  sqlite3* raw = (*db)->getHandle();
  auto worker = std::make_unique<Worker>(loop.get_executor(), std::move(*db), Worker::Kind::writer);
  auto put = [&](int size) {
    return run(worker->run<void>([size](SQLite::Database& d) -> Result<> {
      SQLite::Statement s(
          d,
          "INSERT INTO deliveries (hash, hook, id, verdict, at, sender, caller, project, body, why) "
          "VALUES (random(), 'build', hex(randomblob(8)), 'accepted', 0, '', '', '', ?, '')");
      s.bind(1, std::string(size, 'x'));
      s.exec();
      return {};
    }));
  };
  ASSERT_TRUE(put(10));
  auto full = put(1'000'000);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().what, "the disk is full");
  sqlite3_exec(raw, "PRAGMA max_page_count = 100000", nullptr, nullptr, nullptr);
  EXPECT_TRUE(put(1'000'000));
}

TEST_F(Sqlite, one_write_too_big_for_the_disk_spares_those_beside_it) {
  auto db = open_for_writing(path);
  ASSERT_TRUE(db);
  (*db)->execAndGet("PRAGMA max_page_count = 40");
  Worker worker(loop.get_executor(), std::move(*db), Worker::Kind::writer);
  std::vector<std::future<Result<>>> all;
  for (int i = 0; i < 20; ++i)
    all.push_back(asio::co_spawn(loop, worker.run<void>([i](SQLite::Database& d) -> Result<> {
      SQLite::Statement s(d, "INSERT INTO documents VALUES ('p', 'e', ?, 'n', 0, zeroblob(?))");
      s.bind(1, i);
      s.bind(2, i == 10 ? 1'000'000 : 10);
      s.exec();
      return {};
    }),
                                 asio::use_future));
  loop.run();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(all[i].get().has_value(), i != 10) << i;
}

TEST_F(Sqlite, a_store_with_too_much_to_do_says_so_and_takes_the_rest) {
  auto store = *SqliteStore::open(loop.get_executor(), path);
  SQLite::Database other(path, SQLite::OPEN_READWRITE);
  other.exec("BEGIN IMMEDIATE");  // holds the writer up
  std::vector<std::future<Result<Accepted>>> all;
  constexpr int kMore = 1000;
  for (size_t i = 0; i < Worker::kQueue + Worker::kTogether + kMore; ++i)
    all.push_back(
        asio::co_spawn(loop, store->accept(delivery(static_cast<int>(i)), std::nullopt), asio::use_future));
  loop.poll();
  other.exec("COMMIT");
  loop.run();
  size_t taken = 0;
  for (auto& f : all) {
    auto r = f.get();
    taken += r.has_value();
    if (!r) EXPECT_EQ(r.error().code, ErrorCode::unavailable);
  }
  EXPECT_GE(taken, Worker::kQueue);
  EXPECT_LT(taken, all.size());
  EXPECT_TRUE(run(store->accept(delivery(-1), std::nullopt)));
}

TEST_F(Sqlite, checking_writes_nothing_that_lasts) {
  auto store = *SqliteStore::open(loop.get_executor(), path);
  EXPECT_TRUE(run(store->check()));
  store.reset();
  EXPECT_TRUE(SqliteStore::open(loop.get_executor(), path));  // the schema version is as it was
}

TEST_F(Sqlite, a_wait_held_up_by_the_disk_ends_at_its_deadline) {
  auto store = *SqliteStore::open(loop.get_executor(), path);
  SQLite::Database other(path, SQLite::OPEN_READWRITE);
  other.exec("BEGIN IMMEDIATE");
  auto began = Clock::now();
  auto r = run(with_deadline(store->accept(delivery(1), std::nullopt), milliseconds(50), "store"));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, ErrorCode::timeout);
  EXPECT_LT(Clock::now() - began, seconds(3));
  other.exec("COMMIT");
  EXPECT_TRUE(run(store->accept(delivery(2), std::nullopt)));
}

// Every statement the store prepares, by a trace on each new connection.
std::set<std::string>* statements = nullptr;
std::mutex statements_mutex;
int note(unsigned, void*, void* statement, void*) {
  std::lock_guard lock(statements_mutex);
  if (statements) statements->insert(sqlite3_sql(static_cast<sqlite3_stmt*>(statement)));
  return 0;
}
int trace(sqlite3* db, const char**, const void*) {
  return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, note, nullptr);
}

TEST_F(Sqlite, every_query_is_a_range_of_an_index) {
  std::set<std::string> seen;
  sqlite3_auto_extension(reinterpret_cast<void (*)()>(trace));
  auto store = *SqliteStore::open(loop.get_executor(), path);
  sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(trace));
  statements = &seen;
  Build b{"hello", "abcdef0", "main", "", "", "", "", now(), now()};
  EXPECT_TRUE(run(store->accept(delivery(1), b)));
  lemmy::Deploy d;
  d.target = {"hello", "staging"};
  d.request_id = "r";
  d = *run(store->create_deploy(d, {}));
  EXPECT_TRUE(run(store->update_deploy(d, {})));
  EXPECT_TRUE(run(store->put_document(d.target, 1, "log", "x")));
  run(store->builds("hello", {}));
  run(store->build("hello", "abcdef0"));
  run(store->projects_with_builds());
  run(store->deliveries({}));
  run(store->deploy(d.target, 1));
  run(store->deploys(d.target, {}));
  run(store->unsettled_deploys());
  run(store->latest_deploys());
  run(store->deploy_events(d.target, 1, 0, 10));
  run(store->document(d.target, 1, "log"));
  Writes w{.put = {{"lock", "a", {}, 0}, {"lock", "b", {}, 0}}};
  w.tell.resize(1);
  w.tell[0].id = w.tell[0].kind = "x";
  auto written = run(store->write_all(w, {}));
  Writes again{.put = {w.put[0]}, .remove = {w.put[1]}};
  again.put[0].revision = written->put[0];
  again.remove[0].revision = written->put[1];
  EXPECT_TRUE(run(store->write_all(again, {})));
  run(store->entry("lock", "a"));
  run(store->entries("lock", "a", {}));
  run(store->feed(0, 10));
  run(store->raise_number(d.target, 9));
  EXPECT_EQ(*run(store->trim_feed(now(), 0, 10, {})), 1);
  store.reset();
  statements = nullptr;
  SQLite::Database db(path, SQLite::OPEN_READONLY);
  int plans = 0;
  for (const std::string& sql : seen) {
    if (!sql.starts_with("SELECT") && !sql.starts_with("UPDATE")) continue;
    SQLite::Statement plan(db, "EXPLAIN QUERY PLAN " + sql);
    while (plan.executeStep()) {
      std::string step = plan.getColumn(3).getString();
      ++plans;
      // These two give a row for each target and for each unsettled deploy: that is what they are for.
      if (step == "SCAN t" || step == "SCAN deploys USING INDEX deploys_unsettled") continue;
      // Builds of one moment, and those that begin alike.
      if (step.starts_with("USE TEMP B-TREE FOR") && sql.contains("FROM builds") &&
          (step.ends_with("RIGHT PART OF ORDER BY") || step.ends_with("LAST TERM OF ORDER BY") ||
           sql.contains("ORDER BY sha LIMIT 2")))
        continue;
      // One row; the first ones by number; and the head of what is a range itself.
      if (step == "SCAN revisions" || (step == "SCAN feed" && sql.ends_with("ORDER BY seq LIMIT ?")) ||
          step == "CORRELATED SCALAR SUBQUERY 1")
        continue;
      EXPECT_TRUE(step.starts_with("SEARCH")) << step << "\n" << sql;
    }
  }
  EXPECT_GE(plans, 13);
}

}  // namespace
}  // namespace lemmy::store
