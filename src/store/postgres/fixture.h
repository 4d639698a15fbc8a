#pragma once
// For the tests of the PostgreSQL backend: a real server, started once a test program, and a schema for each
// store. All test names begin with Postgres: ctest runs them together under the label `stores`.
#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <filesystem>

#include "base/crypto.h"
#include "base/files.h"
#include "base/source_dir_test.h"
#include "base/strings.h"
#include "store/postgres/postgres_store.h"
#include "store/sample_test.h"

namespace lemmy::store::postgres {

inline constexpr const char* kPassword = "pa:ss@w/ord?";
inline constexpr const char* kPasswordInUrl = "pa%3Ass%40w%2Ford%3F";

class TestServer {
 public:
  static TestServer& get() {
    static TestServer one;
    return one;
  }
  void script(const std::string& what) {
    std::string command =
        fmt::format("{}/tests/stores/postgres.sh {} {} {}", kSourceDir, what, dir.string(), ::getpid());
    if (std::system(command.c_str()) != 0) throw std::runtime_error(command + " failed");
    if (what != "halt") connect();
  }
  // As the superuser; the first column of the first row.
  std::string sql(const std::string& text) {
    PGresult* r = PQexec(admin_, text.c_str());
    ExecStatusType status = PQresultStatus(r);
    std::string out = status == PGRES_TUPLES_OK && PQntuples(r) > 0 ? PQgetvalue(r, 0, 0) : "";
    std::string error = PQresultErrorMessage(r);
    PQclear(r);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) throw std::runtime_error(error);
    return out;
  }
  // A URL of user lemmy by TCP; `more` are parameters that begin with '&'.
  std::string url(const std::string& schema, const std::string& password = kPasswordInUrl,
                  const std::string& more = "") const {
    return fmt::format("postgres://lemmy:{}@127.0.0.1:{}/lemmy?options=-csearch_path%3D{}{}", password, port,
                       schema, more);
  }
  std::string fresh_schema() {
    std::string name = fmt::format("t{}", ++schemas_);
    sql("CREATE SCHEMA " + name + " AUTHORIZATION lemmy");
    return name;
  }

  std::filesystem::path dir = std::filesystem::temp_directory_path() / ("lemmy-postgres-" + random_hex(6));
  std::string port;

 private:
  TestServer() {
    script("start");
    port = std::string(trim(std::string_view(*read_file((dir / "port").string()))));
  }
  ~TestServer() {
    PQfinish(admin_);
    std::string command = fmt::format("{}/tests/stores/postgres.sh stop {}", kSourceDir, dir.string());
    if (std::system(command.c_str()) != 0) std::abort();
  }
  void connect() {
    PQfinish(admin_);
    std::string at = std::string(trim(std::string_view(*read_file((dir / "port").string()))));
    admin_ =
        PQconnectdb(fmt::format("host={} port={} user=lemmy_admin dbname=lemmy", dir.string(), at).c_str());
    if (PQstatus(admin_) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(admin_));
    PQsetNoticeProcessor(admin_, [](void*, const char*) {}, nullptr);
  }
  PGconn* admin_ = nullptr;
  int schemas_ = 0;
};

struct Postgres : testing::Test, Samples {
  Result<std::unique_ptr<PostgresStore>> try_open(const std::string& url, Settings settings = {}) {
    auto address = read_address(url);
    if (!address) return fail(address.error());
    return run(PostgresStore::open(loop.get_executor(), *address, settings));
  }
  std::unique_ptr<PostgresStore> open(Settings settings = {}) {
    auto s = try_open(server.url(schema), settings);
    if (!s) throw std::runtime_error(s.error().str());
    return std::move(*s);
  }
  static Delivery delivery(const std::string& id) {
    return {0, "build", id, now(), "", "", "hello", "{}", "accepted", ""};
  }
  std::string in_schema(const std::string& sql) {
    return server.sql(fmt::format("SET search_path = {}; {}", schema, sql));
  }
  // Connections of this test's stores to the server.
  int kill_connections() {
    return std::stoi(
        server.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'lemmy'"));
  }

  TestServer& server = TestServer::get();
  std::string schema = server.fresh_schema();
};

}  // namespace lemmy::store::postgres
