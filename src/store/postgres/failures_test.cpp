// Connections that are lost, servers that stop, statements that take too long.
#include "store/postgres/fixture.h"

namespace lemmy::store::postgres {
namespace {

struct PostgresFailures : Postgres {
  static Settings impatient() {
    Settings s;
    s.patience = milliseconds(500);
    s.longest_wait = milliseconds(100);
    return s;
  }
  Task<> pause(int ms) { co_await sleep_for(milliseconds(ms)); }
};

TEST_F(PostgresFailures, connections_that_were_cut_while_idle_are_not_noticed_by_callers) {
  auto store = open();
  for (int round = 0; round < 3; ++round) {
    auto d = run(store->create_deploy(deploy(), event("x")));
    ASSERT_TRUE(d) << d.error().str();
    EXPECT_EQ(run(store->deploys(d->target, {}))->items.size(), static_cast<size_t>(round) + 1);
    EXPECT_GE(kill_connections(), 2);
  }
}

TEST_F(PostgresFailures, a_read_whose_connection_is_lost_on_the_way_is_repeated) {
  auto store = open();
  ASSERT_TRUE(run(store->create_deploy(deploy(), event("x"))));
  server.sql("BEGIN; LOCK TABLE " + schema + ".lemmy_deploys");
  auto reading = asio::co_spawn(loop, store->latest_deploys(), asio::use_future);
  run(pause(200));
  kill_connections();
  server.sql("COMMIT");
  auto r = finish(std::move(reading));
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->size(), 1u);
}

TEST_F(PostgresFailures, a_write_whose_connection_is_lost_on_the_way_is_unavailable_and_may_be_repeated) {
  auto store = open();
  server.sql("BEGIN; LOCK TABLE " + schema + ".lemmy_deploys");
  auto d = deploy();
  d.request_id = "click";
  auto writing = asio::co_spawn(loop, store->create_deploy(d, event("x")), asio::use_future);
  run(pause(200));
  kill_connections();
  server.sql("COMMIT");
  auto r = finish(std::move(writing));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, ErrorCode::unavailable);
  EXPECT_NE(r.error().what.find("lost"), std::string::npos) << r.error().str();
  EXPECT_EQ(run(store->create_deploy(d, event("x")))->number, 1);
}

Task<> write_on(PostgresStore& store, int first, std::set<std::string>& acknowledged, const bool& stop) {
  int n = 0;
  while (!stop) {
    std::string id = fmt::format("{}-{}", first, n++);
    auto r = co_await store.accept({0, "build", id, now(), "", "", "", "", "accepted", ""}, std::nullopt);
    if (r) acknowledged.insert(id);
  }
}

TEST_F(PostgresFailures, what_was_acknowledged_survives_a_crash_of_the_server_and_writing_goes_on) {
  auto store = open(impatient());
  std::set<std::string> acknowledged;
  bool stop = false;
  std::vector<std::future<void>> writers;
  for (int w = 0; w < 4; ++w)
    writers.push_back(asio::co_spawn(loop, write_on(*store, w, acknowledged, stop), asio::use_future));
  auto until_more_than = [&](size_t n) {
    for (int i = 0; i < 200 && acknowledged.size() <= n; ++i) run(pause(100));
    return acknowledged.size();
  };
  const size_t before = until_more_than(20);
  server.script("restart");
  until_more_than(before + 20);
  stop = true;
  for (auto& w : writers) finish(std::move(w));
  EXPECT_GT(before, 20u);
  EXPECT_GT(acknowledged.size(), before);
  Page page{1000, ""};
  do {
    auto l = *run(store->deliveries(page));
    for (auto& d : l.items) acknowledged.erase(d.id);
    page.after = l.next;
  } while (!page.after.empty());
  EXPECT_TRUE(acknowledged.empty()) << acknowledged.size() << " lost";
}

TEST_F(PostgresFailures, while_the_server_is_down_calls_wait_for_a_bounded_time_and_then_are_unavailable) {
  auto store = open(impatient());
  ASSERT_TRUE(run(store->check()));
  server.script("halt");
  auto began = Clock::now();
  auto write = run(store->create_deploy(deploy(), event("x")));
  auto read = run(store->latest_deploys());
  EXPECT_LT(Clock::now() - began, seconds(5));
  for (const Error& e : {write.error(), read.error(), run(store->check()).error()}) {
    EXPECT_EQ(e.code, ErrorCode::unavailable);
    // It goes out to whoever called: nothing of where the database is.
    EXPECT_EQ(e.str().find("127.0.0.1"), std::string::npos) << e.str();
  }
  auto waiting = asio::co_spawn(loop, store->check(), asio::use_future);
  server.script("resume");
  auto r = finish(std::move(waiting));
  EXPECT_TRUE(r) << r.error().str();
  EXPECT_TRUE(run(store->create_deploy(deploy(), event("x"))));
}

TEST_F(PostgresFailures, a_statement_that_waits_too_long_is_a_timeout_and_nothing_is_kept) {
  Settings s;
  s.statement = milliseconds(300);
  auto store = open(s);
  server.sql("BEGIN; LOCK TABLE " + schema + ".lemmy_deploys");
  auto began = Clock::now();
  auto r = run(store->create_deploy(deploy(), event("x")));
  server.sql("COMMIT");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, ErrorCode::timeout) << r.error().str();
  EXPECT_LT(Clock::now() - began, seconds(3));
  // One that has patience: a disk may be slow.
  const auto kept = run(open()->create_deploy(deploy(), event("x")));
  ASSERT_TRUE(kept) << kept.error().str();
  EXPECT_EQ(kept->number, 1);
}

TEST_F(PostgresFailures, a_server_that_stops_answering_is_given_up_and_asked_anew) {
  Settings s;
  s.answer = milliseconds(300);
  auto store = open(s);
  server.sql("BEGIN; LOCK TABLE " + schema + ".lemmy_deploys");
  auto r = run(store->create_deploy(deploy(), event("x")));
  server.sql("COMMIT");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, ErrorCode::timeout) << r.error().str();
  r = run(store->create_deploy(deploy(), event("x")));
  for (int again = 0; !r && again < 5; ++again)
    r = run(store->create_deploy(deploy(), event("x")));  // a slow disk
  EXPECT_TRUE(r);
}

TEST_F(PostgresFailures, a_store_with_too_much_to_do_says_so_and_takes_the_rest) {
  Settings s;
  s.queue = 20;
  auto store = open(s);
  std::vector<Task<Result<Accepted>>> tasks;
  for (int i = 0; i < 50; ++i) tasks.push_back(store->accept(delivery(std::to_string(i)), std::nullopt));
  int taken = 0;
  for (auto& r : run_all(std::move(tasks))) {
    taken += r.has_value();
    if (!r) EXPECT_EQ(r.error().code, ErrorCode::unavailable);
  }
  EXPECT_GE(taken, 20);
  EXPECT_LT(taken, 50);
  EXPECT_TRUE(run(store->accept(delivery("last"), std::nullopt)));
}

TEST_F(PostgresFailures, a_table_that_was_altered_meanwhile_is_read_by_new_plans) {
  auto store = open();
  Build build{"hello", "abcdef0", "main", "", "", "", "", now(), now()};
  ASSERT_TRUE(run(store->accept(delivery("1"), build)));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(run(store->build("hello", "abcdef0")));
  server.sql("ALTER TABLE " + schema + ".lemmy_builds ALTER COLUMN branch TYPE varchar(300)");
  for (int i = 0; i < 4; ++i) {
    auto r = run(store->build("hello", "abcdef0"));
    ASSERT_TRUE(r) << r.error().str();
    EXPECT_EQ(r->branch, "main");
  }
}

TEST_F(PostgresFailures, a_deadlock_with_somebody_else_is_tried_again) {
  auto store = open();
  auto d = *run(store->create_deploy(deploy(), event("x")));
  ASSERT_TRUE(run(store->swap_lease({"conductor", "a", 1, 0})));
  // The store's transaction takes the lease and then the deploy; this one the other way round.
  server.sql("SET deadlock_timeout = '10s'; BEGIN; SELECT 1 FROM " + schema + ".lemmy_deploys FOR UPDATE");
  auto writing = asio::co_spawn(loop, store->update_deploy(d, {}, Fence{"conductor", 1}), asio::use_future);
  run(pause(200));
  std::thread other([&] { server.sql("SELECT 1 FROM " + schema + ".lemmy_leases FOR UPDATE; COMMIT"); });
  auto r = finish(std::move(writing));
  other.join();
  server.sql("RESET deadlock_timeout");
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->revision, 2);
}

TEST_F(PostgresFailures, a_store_may_go_while_calls_wait) {
  auto store = open();
  server.sql("BEGIN; LOCK TABLE " + schema + ".lemmy_deliveries");
  for (int i = 0; i < 10; ++i)
    asio::co_spawn(loop, store->accept(delivery(std::to_string(i)), std::nullopt), asio::detached);
  run(pause(100));
  loop.stop();
  store.reset();
  server.sql("COMMIT");
}

}  // namespace
}  // namespace lemmy::store::postgres
