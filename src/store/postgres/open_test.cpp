// Opening: what is refused, with what to do, and without anything written.
#include "store/postgres/fixture.h"

namespace lemmy::store::postgres {
namespace {

struct PostgresOpening : Postgres {
  // What is said must help, and never have the password.
  Error refused(const std::string& url, Settings settings = {}) {
    auto s = try_open(url, settings);
    EXPECT_FALSE(s);
    if (s) return {};
    Error e = s.error();
    EXPECT_FALSE(e.hint.empty()) << e.str();
    for (const char* secret : {kPassword, kPasswordInUrl, "hunter2"})
      EXPECT_EQ((e.str() + e.detail).find(secret), std::string::npos) << e.str();
    return e;
  }
  std::string tables() {
    return server.sql(
        "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = '" +
        schema + "'");
  }
  std::string by_tcp(const std::string& user, const std::string& database, const std::string& more = "") {
    return fmt::format("postgres://{}@127.0.0.1:{}/{}?options=-csearch_path%3D{}{}", user, server.port,
                       database, schema, more);
  }
};

TEST_F(PostgresOpening, a_wrong_password_is_named_as_such) {
  Error e = refused(server.url(schema, "hunter2"));
  EXPECT_EQ(e.code, ErrorCode::unavailable);
  EXPECT_NE(e.what.find("password authentication failed"), std::string::npos) << e.str();
  EXPECT_NE(e.hint.find("PGPASSWORD"), std::string::npos) << e.str();
  EXPECT_EQ(tables(), "0");
}

TEST_F(PostgresOpening, a_missing_password_is_named_as_such) {
  Error e = refused(by_tcp("lemmy", "lemmy"));
  EXPECT_NE(e.hint.find("PGPASSWORD"), std::string::npos) << e.str();
}

TEST_F(PostgresOpening, the_password_may_come_from_the_environment_or_the_pgpass_file) {
  ::setenv("PGPASSWORD", kPassword, 1);
  auto by_environment = try_open(by_tcp("lemmy", "lemmy"));
  ::unsetenv("PGPASSWORD");
  EXPECT_TRUE(by_environment) << by_environment.error().str();
  auto file = std::filesystem::temp_directory_path() / ("lemmy-pgpass-" + random_hex(6));
  ASSERT_TRUE(write_file(file.string(), "*:*:*:lemmy:pa\\:ss@w/ord?\n", 0600));
  ::setenv("PGPASSFILE", file.c_str(), 1);
  auto by_file = try_open(by_tcp("lemmy", "lemmy"));
  ::unsetenv("PGPASSFILE");
  std::filesystem::remove(file);
  EXPECT_TRUE(by_file) << by_file.error().str();
}

TEST_F(PostgresOpening, an_unknown_database_and_an_unknown_user_are_named_with_what_to_do) {
  Error e = refused(fmt::format("postgres://lemmy:{}@127.0.0.1:{}/nowhere", kPasswordInUrl, server.port));
  EXPECT_NE(e.what.find("\"nowhere\" does not exist"), std::string::npos) << e.str();
  EXPECT_NE(e.hint.find("createdb"), std::string::npos) << e.str();
  e = refused(by_tcp("stranger:hunter2", "lemmy"));
  EXPECT_NE(e.what.find("stranger"), std::string::npos) << e.str();
}

TEST_F(PostgresOpening, a_server_that_cannot_be_reached_and_a_host_that_is_not_known_are_unavailable) {
  Error e = refused("postgres://lemmy:hunter2@127.0.0.1:1/lemmy");
  EXPECT_EQ(e.code, ErrorCode::unavailable);
  EXPECT_NE(e.what.find("refused"), std::string::npos) << e.str();
  e = refused("postgres://lemmy:hunter2@no-such-host.invalid/lemmy");
  EXPECT_EQ(e.code, ErrorCode::unavailable);
  EXPECT_NE(e.what.find("no-such-host.invalid"), std::string::npos) << e.str();
}

TEST_F(PostgresOpening, a_server_that_never_answers_is_given_up_and_the_loop_goes_on_meanwhile) {
  asio::ip::tcp::acceptor silent(loop, {asio::ip::address_v4::loopback(), 0});
  int ticks = 0;
  auto ticking = asio::co_spawn(
      loop,
      [](int& n) -> Task<> {
        for (; n < 1000; ++n) co_await sleep_for(milliseconds(10));
      }(ticks),
      asio::use_future);
  Settings soon;
  soon.connect = milliseconds(300);
  auto began = Clock::now();
  Error e = refused(fmt::format("postgres://lemmy@127.0.0.1:{}/lemmy", silent.local_endpoint().port()), soon);
  EXPECT_EQ(e.code, ErrorCode::unavailable);
  EXPECT_LT(Clock::now() - began, seconds(3));
  EXPECT_GT(ticks, 5);
}

TEST_F(PostgresOpening, a_host_is_looked_up_by_name) {
  auto s = try_open(fmt::format("postgres://lemmy:{}@localhost:{}/lemmy?options=-csearch_path%3D{}",
                                kPasswordInUrl, server.port, schema));
  EXPECT_TRUE(s) << s.error().str();
}

TEST_F(PostgresOpening, the_first_of_several_hosts_that_answers_is_taken) {
  auto s = try_open(fmt::format(
      "postgres://lemmy:{}@127.0.0.1:1,no-such-host.invalid,localhost:{}/lemmy?options=-csearch_path%3D{}",
      kPasswordInUrl, server.port, schema));
  EXPECT_TRUE(s) << s.error().str();
}

TEST_F(PostgresOpening, tls_is_by_sslmode_and_checks_the_certificate_when_told) {
  std::string ca = "&sslrootcert=" + (server.dir / "server.crt").string();
  auto s = try_open(server.url(schema, kPasswordInUrl, "&sslmode=verify-full" + ca));
  ASSERT_TRUE(s) << s.error().str();
  ASSERT_TRUE(run((*s)->check()));
  EXPECT_NE(server.sql("SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
                       "WHERE ssl AND usename = 'lemmy'"),
            "0");
  Error e = refused(server.url(schema, kPasswordInUrl, "&sslmode=verify-full&sslrootcert=/nowhere/ca.crt"));
  EXPECT_NE(e.hint.find("sslrootcert"), std::string::npos) << e.str();
}

TEST_F(PostgresOpening, a_newer_schema_is_refused_and_left_as_it_was) {
  open();
  in_schema("UPDATE lemmy_schema SET version = 99");
  Error e = refused(server.url(schema));
  EXPECT_EQ(e.code, ErrorCode::conflict);
  EXPECT_NE(e.what.find("schema 99"), std::string::npos) << e.str();
  EXPECT_EQ(in_schema("SELECT version FROM lemmy_schema"), "99");
}

TEST_F(PostgresOpening, tables_of_another_program_are_refused_and_nothing_is_written) {
  in_schema("CREATE TABLE lemmy_events (x int)");
  Error e = refused(server.url(schema));
  EXPECT_EQ(e.code, ErrorCode::conflict) << e.str();
  EXPECT_EQ(tables(), "1");
}

TEST_F(PostgresOpening, a_user_who_may_not_make_tables_is_told_so) {
  server.sql("ALTER SCHEMA " + schema + " OWNER TO lemmy_admin");
  server.sql("GRANT USAGE ON SCHEMA " + schema + " TO lemmy");
  Error e = refused(server.url(schema));
  EXPECT_NE(e.what.find("permission denied"), std::string::npos) << e.str();
  EXPECT_NE(e.hint.find("rights"), std::string::npos) << e.str();
  EXPECT_EQ(tables(), "0");
}

TEST_F(PostgresOpening, a_schema_that_is_not_there_and_a_read_only_database_are_refused) {
  EXPECT_NE(refused(server.url("nowhere")).hint.find("CREATE SCHEMA"), std::string::npos);
  Error e = refused(server.url(schema + "%20-cdefault_transaction_read_only%3Don"));
  EXPECT_NE(e.what.find("read-only"), std::string::npos) << e.str();
  EXPECT_EQ(tables(), "0");
}

TEST_F(PostgresOpening, a_database_that_is_not_utf8_is_refused) {
  server.sql("CREATE DATABASE latin OWNER lemmy ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
  Error e = refused(fmt::format("postgres://lemmy:{}@127.0.0.1:{}/latin", kPasswordInUrl, server.port));
  EXPECT_NE(e.what.find("LATIN1"), std::string::npos) << e.str();
  server.sql("DROP DATABASE latin WITH (FORCE)");
}

TEST_F(PostgresOpening, servers_that_start_at_once_on_an_empty_schema_migrate_it_once) {
  auto address = *read_address(server.url(schema));
  std::vector<Task<Result<std::unique_ptr<PostgresStore>>>> tasks;
  for (int i = 0; i < 8; ++i) tasks.push_back(PostgresStore::open(loop.get_executor(), address, {}));
  auto stores = run_all(std::move(tasks));
  for (auto& s : stores) ASSERT_TRUE(s) << s.error().str();
  EXPECT_EQ(in_schema("SELECT count(*) FROM lemmy_schema"), "1");
  EXPECT_TRUE(run((*stores[3])->create_deploy(deploy(), event("x"))));
  EXPECT_EQ(run((*stores[5])->latest_deploys())->size(), 1u);
}

TEST_F(PostgresOpening, what_was_written_is_there_when_opened_again) {
  ASSERT_TRUE(run(open()->create_deploy(deploy(), event("x"))));
  EXPECT_EQ(run(open()->latest_deploys())->size(), 1u);
}

}  // namespace
}  // namespace lemmy::store::postgres
