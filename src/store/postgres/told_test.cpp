// Several servers on one database: the feed, and what each is told of the others' writes.
#include "store/postgres/fixture.h"

namespace lemmy::store::postgres {
namespace {

Task<> tell_on(PostgresStore& store, std::string name, int count, int* writing) {
  for (int n = 0; n < count; ++n) {
    Writes w;
    w.tell.resize(1);
    w.tell[0].id = fmt::format("{}/{}", name, n);
    w.tell[0].target = {"hello", name};
    w.tell[0].kind = "x";
    auto done = co_await store.write_all(w, {});
    if (!done) throw std::runtime_error(done.error().str());
  }
  --*writing;
}
Task<std::vector<FeedItem>> follow_feed(PostgresStore& store, const int* writing) {
  std::vector<FeedItem> seen;
  for (bool last = false;;) {
    auto more = co_await store.feed(seen.empty() ? 0 : seen.back().seq, 5);
    if (!more) throw std::runtime_error(more.error().str());
    for (FeedItem& i : more->items) seen.push_back(std::move(i));
    if (!more->items.empty()) continue;
    if (last) co_return seen;
    last = *writing == 0;
  }
}

TEST_F(Postgres, who_follows_what_two_servers_tell_at_once_misses_none_and_gets_none_twice) {
  auto a = open(), b = open(), reader = open();
  constexpr int kEach = 100;
  int writing = 8;
  std::vector<std::future<void>> writers;
  for (int w = 0; w < 8; ++w)
    writers.push_back(asio::co_spawn(loop, tell_on(w % 2 ? *a : *b, "w" + std::to_string(w), kEach, &writing),
                                     asio::use_future));
  auto following = asio::co_spawn(loop, follow_feed(*reader, &writing), asio::use_future);
  for (auto& w : writers) finish(std::move(w));
  auto seen = finish(std::move(following));
  ASSERT_EQ(seen.size(), 8u * kEach);
  std::map<std::string, int> next;
  for (const FeedItem& i : seen)
    EXPECT_EQ(i.id, fmt::format("{}/{}", i.target.environment, next[i.target.environment]++));
}

// The trap of sequences: what draws its number first is seen last.
TEST_F(Postgres, what_has_its_number_and_is_not_seen_yet_is_not_read_past) {
  auto a = open(), b = open();
  Writes one, two;
  one.put = {{"lock", "a", {}, 0}};
  for (Writes* w : {&one, &two}) {
    w->tell.resize(1);
    w->tell[0].kind = "x";
  }
  one.tell[0].id = "first";
  two.tell[0].id = "second";
  // It waits after it has drawn its number.
  in_schema(
      "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 'first' THEN "
      "PERFORM pg_sleep(0.5); END IF; RETURN NULL; END $$; "
      "CREATE TRIGGER slow AFTER INSERT ON lemmy_feed FOR EACH ROW EXECUTE FUNCTION slow()");
  auto slow = asio::co_spawn(loop, a->write_all(one, {}), asio::use_future);
  run([]() -> Task<> { co_await sleep_for(milliseconds(200)); }());  // it has its number
  auto quick = asio::co_spawn(loop, b->write_all(two, {}), asio::use_future);
  std::vector<std::string> seen;
  int64_t at = 0;
  for (int looks = 0; looks < 5000 && seen.size() < 2; ++looks) {
    auto more = run(b->feed(at, 10));
    ASSERT_TRUE(more) << more.error().str();
    run([]() -> Task<> { co_await sleep_for(milliseconds(2)); }());
    for (const FeedItem& i : more->items) {
      seen.push_back(i.id);
      at = i.seq;
    }
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"first", "second"}));
  EXPECT_TRUE(finish(std::move(slow)));
  EXPECT_TRUE(finish(std::move(quick)));
}

struct PostgresNotices : Postgres {
  // Waits until `heard` has `count` changes, at most some seconds.
  void wait_for(size_t count) {
    run([](std::vector<Change>& heard, size_t count) -> Task<> {
      for (int i = 0; i < 1000 && heard.size() < count; ++i) co_await sleep_for(milliseconds(5));
    }(heard, count));
  }
  // From the first one on, which says to look at everything.
  void listen(Store& store) {
    store.on_change([this](Change c) { heard.push_back(std::move(c)); });
    wait_for(1);
    ASSERT_EQ(heard, std::vector{Change{}});
    heard.clear();
  }
  std::vector<Change> heard;
};

TEST_F(PostgresNotices, what_another_server_writes_is_told_and_what_this_one_writes_is_not) {
  auto me = open(), other = open();
  listen(*me);
  Build build{"mine", "abcdef0", "main", "", "", "", "", now(), now()};
  ASSERT_TRUE(run(me->accept(delivery("1"), build)));
  build.project = "other";
  ASSERT_TRUE(run(other->accept(delivery("2"), build)));
  auto d = *run(other->create_deploy(deploy(), event("x")));
  d = *run(other->update_deploy(d, {}));
  ASSERT_TRUE(run(other->put_document(d.target, 1, "log", "x")));
  ASSERT_TRUE(run(other->accept_instance(
      delivery("3"), InstanceCall{{"hello", "production"}, "i-1", "", "token", from_millis(1)})));
  auto i = *run(other->instance({"hello", "production"}, "i-1"));
  ASSERT_TRUE(run(other->record_instances({i}, {})));
  wait_for(6);
  EXPECT_EQ(heard, (std::vector<Change>{{"other", ""},
                                        {"hello", "staging"},
                                        {"hello", "staging"},
                                        {"hello", "staging"},
                                        {"hello", "production"},
                                        {"hello", "production"}}));
}

TEST_F(PostgresNotices, a_write_is_readable_when_it_is_told) {
  auto me = open(), other = open();
  std::optional<Result<lemmy::Deploy>> read;
  me->on_change([&](Change c) {
    heard.push_back(c);
    if (c.project.empty()) return;
    asio::co_spawn(loop, me->deploy({c.project, c.environment}, 1),
                   [&](std::exception_ptr, Result<lemmy::Deploy> r) { read.emplace(std::move(r)); });
  });
  wait_for(1);
  ASSERT_TRUE(run(other->create_deploy(deploy(), event("x"))));
  run([](std::optional<Result<lemmy::Deploy>>& read) -> Task<> {
    for (int i = 0; i < 1000 && !read; ++i) co_await sleep_for(milliseconds(5));
  }(read));
  ASSERT_TRUE(read.has_value());
  EXPECT_TRUE(read->has_value());
}

TEST_F(PostgresNotices, after_a_lost_connection_everything_is_to_be_looked_at) {
  auto me = open(), other = open();
  listen(*me);
  kill_connections();
  wait_for(1);
  ASSERT_EQ(heard, std::vector{Change{}});
  ASSERT_TRUE(run(other->create_deploy(deploy(), event("x"))));
  wait_for(2);
  EXPECT_EQ(heard.back(), (Change{"hello", "staging"}));
}

TEST_F(PostgresNotices, stores_in_other_schemas_of_the_database_are_not_heard) {
  auto me = open(), same = open();
  listen(*me);
  schema = server.fresh_schema();
  auto elsewhere = open();
  ASSERT_TRUE(run(elsewhere->create_deploy(deploy("far"), event("x"))));
  ASSERT_TRUE(run(same->create_deploy(deploy("near"), event("x"))));
  wait_for(1);
  EXPECT_EQ(heard, (std::vector<Change>{{"hello", "near"}}));
}

}  // namespace
}  // namespace lemmy::store::postgres
