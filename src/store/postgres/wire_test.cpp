// What goes over the wire: answers that are lost after the work was done, and the plans of the statements.
#include "store/postgres/fixture.h"

namespace lemmy::store::postgres {
namespace {

using asio::ip::tcp;

// Passes everything on between a store and the server, until it is told to swallow the next answer.
struct Proxy {
  Proxy(asio::io_context& loop, uint16_t to) : acceptor(loop, {asio::ip::address_v4::loopback(), 0}), to(to) {
    asio::co_spawn(loop, serve(this), asio::detached);
  }
  uint16_t port() const { return acceptor.local_endpoint().port(); }

  static Task<> serve(Proxy* self) {
    for (;;) {
      auto client = std::make_shared<tcp::socket>(co_await self->acceptor.async_accept(asio::use_awaitable));
      auto server = std::make_shared<tcp::socket>(client->get_executor());
      co_await server->async_connect({asio::ip::address_v4::loopback(), self->to}, asio::use_awaitable);
      asio::co_spawn(client->get_executor(), pass(self, client, server, false), asio::detached);
      asio::co_spawn(client->get_executor(), pass(self, server, client, true), asio::detached);
    }
  }
  static Task<> pass(Proxy* self, std::shared_ptr<tcp::socket> from, std::shared_ptr<tcp::socket> to,
                     bool answers) {
    char buffer[4096];
    for (;;) {
      auto [ec, n] =
          co_await from->async_read_some(asio::buffer(buffer), asio::as_tuple(asio::use_awaitable));
      if (ec || (answers && self->swallow)) break;
      auto [failed, m] =
          co_await asio::async_write(*to, asio::buffer(buffer, n), asio::as_tuple(asio::use_awaitable));
      if (failed) break;
    }
    from->close();
    to->close();
  }

  tcp::acceptor acceptor;
  uint16_t to;
  bool swallow = false;
};

struct PostgresWire : Postgres {
  std::unique_ptr<PostgresStore> open_through_proxy() {
    Settings one_writer;
    one_writer.writers = 1;  // the connection that was warmed is the one that writes
    auto s = try_open(fmt::format("postgres://lemmy:{}@127.0.0.1:{}/lemmy?sslmode=disable&"
                                  "options=-csearch_path%3D{}",
                                  kPasswordInUrl, proxy.port(), schema),
                      one_writer);
    if (!s) throw std::runtime_error(s.error().str());
    return std::move(*s);
  }
  // The server does it, and its answer is lost.
  template <class T>
  void lose(Task<Result<T>> task) {
    proxy.swallow = true;
    auto r = run(std::move(task));
    proxy.swallow = false;
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code, ErrorCode::unavailable) << r.error().str();
  }
  Proxy proxy{loop, static_cast<uint16_t>(std::stoi(server.port))};
};

TEST_F(PostgresWire, writes_whose_answer_was_lost_were_kept_and_may_be_repeated) {
  auto store = open_through_proxy();
  // So that there is a connection, and what is lost is the answer to the write.
  ASSERT_TRUE(run(store->check()));
  auto warm = [&] { ASSERT_TRUE(run(store->check())); };

  Build build{"hello", "abcdef0", "main", "", "", "", "", now(), now()};
  lose(store->accept(delivery("1"), build));
  auto again = run(store->accept(delivery("1"), build));
  ASSERT_TRUE(again) << again.error().str();
  EXPECT_TRUE(again->duplicate);

  auto d = deploy();
  d.request_id = "click";
  warm();
  lose(store->create_deploy(d, event("x")));
  auto made = run(store->create_deploy(d, event("x")));
  ASSERT_TRUE(made) << made.error().str();
  EXPECT_EQ(made->number, 1);
  EXPECT_EQ(run(store->deploy_events(d.target, 1, 0, 10))->size(), 1u);

  warm();
  lose(store->update_deploy(*made, {event("y")}));
  EXPECT_EQ(run(store->update_deploy(*made, {event("y")})).error().code, ErrorCode::conflict);
  EXPECT_EQ(run(store->deploy(d.target, 1))->revision, 2);
  EXPECT_EQ(run(store->deploy_events(d.target, 1, 0, 10))->size(), 2u);

  Writes w{.put = {{"lock", "a", {}, 0}}};
  w.tell.resize(1);
  w.tell[0].id = w.tell[0].kind = "x";
  warm();
  lose(store->write_all(w, {}));
  EXPECT_EQ(run(store->write_all(w, {})).error().code, ErrorCode::conflict);
  w.put[0].revision = run(store->entry("lock", "a"))->revision;
  EXPECT_GT(w.put[0].revision, 0);
  EXPECT_TRUE(run(store->write_all(w, {})));
  EXPECT_EQ(run(store->feed(0, 10))->items.size(), 1u);

  warm();
  lose(store->swap_lease({"conductor", "me", 1, 0}));
  EXPECT_EQ(run(store->lease("conductor"))->holder, "me");
}

TEST_F(PostgresWire, every_query_is_a_range_of_an_index) {
  auto opened =
      try_open(server.url(schema + "%20-cenable_seqscan%3Doff%20-cplan_cache_mode%3Dforce_generic_plan"));
  ASSERT_TRUE(opened) << opened.error().str();
  auto store = std::move(*opened);
  std::string of_schema = "FROM pg_stat_user_tables WHERE schemaname = '" + schema + "' AND ";
  // Making the indexes read the tables: that is not to be counted.
  for (int n = 0; n < 100 && server.sql("SELECT count(*) " + of_schema + "seq_scan > 0") == "0"; ++n)
    ::usleep(50'000);
  server.sql("SELECT pg_stat_reset()");
  Build build{"hello", "abcdef0", "main", "", "", "", "", now(), now()};
  ASSERT_TRUE(run(store->accept(delivery("1"), build)));
  ASSERT_TRUE(run(store->accept(delivery("1"), build)));
  auto d = deploy();
  d.request_id = "r";
  d = *run(store->create_deploy(d, event("x")));
  ASSERT_TRUE(run(store->swap_lease({"conductor", "me", 1, 0})));
  ASSERT_TRUE(run(store->update_deploy(d, {event("y")}, Fence{"conductor", 1})));
  ASSERT_TRUE(run(store->put_document(d.target, 1, "log", "x")));
  ASSERT_TRUE(run(store->accept_instance(delivery("2"), InstanceCall{d.target, "i", "", "", now()})));
  auto i = run(store->instance(d.target, "i"));
  ASSERT_TRUE(run(store->record_instances({*i}, Fence{"conductor", 1})));
  EXPECT_TRUE(run(store->builds("hello", {})));
  EXPECT_TRUE(run(store->build("hello", "abcdef0")));
  EXPECT_TRUE(run(store->projects_with_builds()));
  EXPECT_TRUE(run(store->deliveries({})));
  EXPECT_TRUE(run(store->deploy(d.target, 1)));
  EXPECT_TRUE(run(store->deploys(d.target, {})));
  EXPECT_TRUE(run(store->unsettled_deploys()));
  EXPECT_TRUE(run(store->latest_deploys()));
  EXPECT_TRUE(run(store->deploy_events(d.target, 1, 0, 10)));
  EXPECT_TRUE(run(store->document(d.target, 1, "log")));
  for (const char* project : {"", "hello"})
    for (const char* environment : {"", "staging"})
      EXPECT_TRUE(run(store->instances(project, environment, {})));
  EXPECT_TRUE(run(store->unsettled_instances()));
  EXPECT_TRUE(run(store->lease("conductor")));
  Writes w{.put = {{"lock", "a", {}, 0}, {"lock", "b", {}, 0}}};
  w.make = Writes::Make{deploy(), event("x")};
  w.change = {{*run(store->deploy(d.target, 1)), {event("z")}}};
  w.tell.resize(1);
  w.tell[0].id = w.tell[0].kind = "x";
  auto written = run(store->write_all(w, Fence{"conductor", 1}));
  ASSERT_TRUE(written) << written.error().str();
  Writes again{.put = {w.put[0]}, .remove = {w.put[1]}};
  again.put[0].revision = written->put[0];
  again.remove[0].revision = written->put[1];
  ASSERT_TRUE(run(store->write_all(again, {})));
  EXPECT_TRUE(run(store->entry("lock", "a")));
  EXPECT_TRUE(run(store->entries("lock", "a", {})));
  EXPECT_TRUE(run(store->feed(0, 10)));
  EXPECT_TRUE(run(store->raise_number(d.target, 9)));
  EXPECT_EQ(*run(store->trim_feed(now(), 0, 10, Fence{"conductor", 1})), 1);
  store.reset();  // what a connection did is counted when it ends
  for (int n = 0; n < 100 && server.sql("SELECT count(*) " + of_schema +
                                        "relname <> 'lemmy_schema' AND coalesce(idx_scan, 0) = 0") != "0";
       ++n)
    ::usleep(50'000);
  EXPECT_EQ(server.sql("SELECT count(*) " + of_schema + "coalesce(idx_scan, 0) > 0"), "10");
  EXPECT_EQ(server.sql("SELECT coalesce(string_agg(relname, ', '), '') " + of_schema +
                       "seq_scan > 0 AND relname <> 'lemmy_schema'"),
            "");
}

}  // namespace
}  // namespace lemmy::store::postgres
