// Several servers on one database: what one writes the others respect, and are told.
#include "store/postgres/fixture.h"

namespace lemmy::store::postgres {
namespace {

TEST_F(Postgres, two_stores_that_make_deploys_at_once_use_each_number_once) {
  auto a = open(), b = open();
  std::vector<Task<Result<lemmy::Deploy>>> tasks;
  for (int i = 0; i < 60; ++i) tasks.push_back((i % 2 ? a : b)->create_deploy(deploy(), event("x")));
  std::set<int64_t> numbers;
  for (auto& r : run_all(std::move(tasks))) {
    ASSERT_TRUE(r) << r.error().str();
    numbers.insert(r->number);
  }
  EXPECT_EQ(numbers.size(), 60u);
  EXPECT_EQ(*numbers.rbegin(), 60);
}

TEST_F(Postgres, one_request_sent_to_two_servers_at_once_is_one_deploy) {
  auto a = open(), b = open();
  auto d = deploy();
  d.request_id = "click";
  std::vector<Task<Result<lemmy::Deploy>>> tasks;
  for (int i = 0; i < 30; ++i) tasks.push_back((i % 2 ? a : b)->create_deploy(d, event("x")));
  for (auto& r : run_all(std::move(tasks))) {
    ASSERT_TRUE(r) << r.error().str();
    EXPECT_EQ(r->number, 1);
  }
  EXPECT_EQ(run(a->deploy_events(d.target, 1, 0, 100))->size(), 1u);
}

TEST_F(Postgres, one_delivery_sent_to_two_servers_at_once_is_taken_once) {
  auto a = open(), b = open();
  Build build{"hello", "abcdef0", "main", "", "", "", "", now(), now()};
  std::vector<Task<Result<Accepted>>> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back((i % 2 ? a : b)->accept(delivery("same"), build));
  int taken = 0;
  std::set<int64_t> seqs;
  for (auto& r : run_all(std::move(tasks))) {
    ASSERT_TRUE(r) << r.error().str();
    taken += !r->duplicate;
    seqs.insert(r->delivery.seq);
  }
  EXPECT_EQ(taken, 1);
  EXPECT_EQ(seqs.size(), 1u);
}

TEST_F(Postgres, of_two_servers_that_change_one_deploy_at_once_one_wins) {
  auto a = open(), b = open();
  auto d = *run(a->create_deploy(deploy(), event("x")));
  std::vector<Task<Result<lemmy::Deploy>>> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back((i % 2 ? a : b)->update_deploy(d, {event("won")}));
  int won = 0;
  for (auto& r : run_all(std::move(tasks))) {
    won += r.has_value();
    if (!r) EXPECT_EQ(r.error().code, ErrorCode::conflict) << r.error().str();
  }
  EXPECT_EQ(won, 1);
  EXPECT_EQ(run(b->deploy_events(d.target, 1, 0, 100))->size(), 2u);
}

Task<> write_events(PostgresStore& store, Target target, int count) {
  for (int written = 0; written < count;) {
    auto d = co_await store.deploy(target, 1);
    DeployEvent one, two;
    one.text = "one", two.text = "two";
    std::vector<DeployEvent> events{one, two};
    auto done = co_await store.update_deploy(*d, events);
    written += done.has_value();
  }
}
Task<std::vector<int64_t>> follow_events(PostgresStore& store, Target target, size_t count) {
  std::vector<int64_t> seen;
  while (seen.size() < count) {
    auto more = co_await store.deploy_events(target, 1, seen.empty() ? 0 : seen.back(), 3);
    for (auto& e : *more) seen.push_back(e.seq);
  }
  co_return seen;
}

TEST_F(Postgres, who_follows_the_events_of_a_deploy_that_two_servers_write_misses_none) {
  auto a = open(), b = open(), reader = open();
  auto d = *run(a->create_deploy(deploy(), event("x")));
  auto noise = *run(a->create_deploy(deploy("production"), event("x")));
  auto w1 = asio::co_spawn(loop, write_events(*a, d.target, 40), asio::use_future);
  auto w2 = asio::co_spawn(loop, write_events(*b, d.target, 40), asio::use_future);
  auto w3 = asio::co_spawn(loop, write_events(*b, noise.target, 40), asio::use_future);
  auto seen = run(with_deadline(
      [](PostgresStore& s, Target t) -> Task<Result<std::vector<int64_t>>> {
        co_return co_await follow_events(s, t, 161);
      }(*reader, d.target),
      seconds(30), "following"));
  for (auto* w : {&w1, &w2, &w3}) finish(std::move(*w));
  ASSERT_TRUE(seen) << seen.error().str();
  auto all = *run(reader->deploy_events(d.target, 1, 0, 1000));
  ASSERT_EQ(all.size(), 161u);
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].seq, seen->at(i));
}

TEST_F(Postgres, calls_of_one_instance_to_two_servers_are_all_counted) {
  auto a = open(), b = open();
  std::vector<Task<Result<Accepted>>> tasks;
  for (int i = 0; i < 30; ++i) {
    InstanceCall call{{"hello", "staging"}, "i-1", "", "token", from_millis(i)};
    tasks.push_back((i % 2 ? a : b)->accept_instance(delivery(std::to_string(i)), call));
  }
  for (auto& r : run_all(std::move(tasks))) ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(run(b->instance({"hello", "staging"}, "i-1"))->asked, 30);
}

TEST_F(Postgres, two_servers_that_record_the_same_instances_in_any_order_do_not_block_each_other) {
  auto a = open(), b = open();
  std::vector<Task<Result<Accepted>>> calls;
  for (int i = 0; i < 50; ++i) {
    InstanceCall call{{"hello", "staging"}, std::to_string(i), "", "token", from_millis(i)};
    calls.push_back(a->accept_instance(delivery(std::to_string(i)), call));
  }
  for (auto& r : run_all(std::move(calls))) ASSERT_TRUE(r);
  auto forth = *run(a->unsettled_instances()), back = forth;
  std::ranges::reverse(back);
  std::vector<Task<Result<>>> tasks;
  for (int i = 0; i < 20; ++i)
    tasks.push_back(i % 2 ? a->record_instances(forth, {}) : b->record_instances(back, {}));
  for (auto& r : run_all(std::move(tasks))) EXPECT_TRUE(r) << r.error().str();
}

TEST_F(Postgres, once_a_lease_was_taken_over_nothing_of_the_one_before_is_written) {
  auto a = open(), b = open();
  Lease lease = *run(a->swap_lease({"conductor", "a", 1, 0}));
  std::vector<lemmy::Deploy> all;
  for (int i = 0; i < 40; ++i)
    all.push_back(*run(a->create_deploy(deploy("e" + std::to_string(i)), event("x"))));
  std::vector<std::future<Result<lemmy::Deploy>>> writes;
  for (auto& d : all)
    writes.push_back(asio::co_spawn(loop, a->update_deploy(d, {}, Fence{"conductor", 1}), asio::use_future));
  ASSERT_TRUE(run(b->swap_lease({"conductor", "b", 2, lease.revision})));
  std::map<std::string, int64_t> then;  // what there was when the other one had the lease
  for (auto& d : *run(b->unsettled_deploys())) then[d.target.environment] = d.revision;
  for (size_t i = 0; i < writes.size(); ++i) {
    auto r = finish(std::move(writes[i]));
    if (!r) EXPECT_EQ(r.error().code, ErrorCode::forbidden) << r.error().str();
    EXPECT_EQ(then[all[i].target.environment], r ? 2 : 1);
    EXPECT_EQ(run(b->deploy(all[i].target, 1))->revision, r ? 2 : 1);
  }
  EXPECT_EQ(run(a->update_deploy(all[0], {}, Fence{"conductor", 1})).error().code, ErrorCode::forbidden);
}

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

TEST_F(Postgres, two_servers_that_write_the_same_things_in_any_order_do_not_block_each_other) {
  auto a = open(), b = open();
  std::vector<lemmy::Deploy> deploys;
  for (int i = 0; i < 5; ++i)
    deploys.push_back(*run(a->create_deploy(deploy("e" + std::to_string(i)), event("x"))));
  Writes forth;
  for (auto& d : deploys) {
    forth.change.push_back({d, {}});
    forth.put.push_back({"lock", d.target.str(), {}, 0});
  }
  Writes back = forth;
  std::ranges::reverse(back.change);
  std::ranges::reverse(back.put);
  std::vector<Task<Result<Written>>> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back((i % 2 ? a : b)->write_all(i % 2 ? forth : back, {}));
  int won = 0;
  for (auto& r : run_all(std::move(tasks))) {
    won += r.has_value();
    if (!r) EXPECT_EQ(r.error().code, ErrorCode::conflict) << r.error().str();
  }
  EXPECT_EQ(won, 1);
  EXPECT_EQ(run(b->entries("lock", "", {}))->items.size(), 5u);
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
