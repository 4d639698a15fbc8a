// Which backend a URL names.
#include "store/datastore/datastore_store.h"
#include "store/maintain.h"
#include "store/postgres/address.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/schema.h"
#include "store/sqlite/sqlite_store.h"

namespace lemmy::store {
namespace {

enum class Backend { sqlite, postgres, datastore };

Result<Backend> backend_of(const std::string& url) {
  if (url.starts_with("sqlite:") && url.size() > 7) return Backend::sqlite;
  if (url.starts_with("postgres://") || url.starts_with("postgresql://")) return Backend::postgres;
  if (url.starts_with("datastore:")) return Backend::datastore;
  return fail(
      ErrorCode::invalid, "--store",
      // What comes after a scheme may hold a password.
      "'" + url.substr(0, url.find(':')) + (url.contains(':') ? ":" : "") + "' is not a store Lemmy knows",
      "write sqlite:PATH, for example sqlite:lemmy.db, postgres://USER@HOST/DATABASE or "
      "datastore://PROJECT");
}
std::string path_of(const std::string& url) { return url.substr(7); }

// It has no tables that tell of a newer Lemmy: it is asked.
Task<Result<std::unique_ptr<Store>>> open_known_datastore(asio::any_io_executor loop, std::string url) {
  auto opened = open_datastore(loop, url);
  if (!opened) co_return fail(opened.error());
  auto schema = co_await static_cast<DatastoreStore&>(**opened).schema();
  if (!schema) co_return fail(schema.error());
  co_return std::move(*opened);
}

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite(asio::any_io_executor loop, const std::string& path) {
  auto s = SqliteStore::open(loop, path);
  if (!s) return fail(s.error());
  return std::unique_ptr<Store>(std::move(*s));
}

Task<Result<std::unique_ptr<Store>>> open_store(asio::any_io_executor loop, std::string url) {
  auto backend = backend_of(url);
  if (!backend) co_return fail(backend.error());
  if (*backend == Backend::sqlite) co_return open_sqlite(loop, path_of(url));
  if (*backend == Backend::datastore) co_return co_await open_known_datastore(loop, url);
  auto address = postgres::read_address(url);
  if (!address) co_return fail(address.error());
  auto s = co_await PostgresStore::open(loop, std::move(*address), {});
  if (!s) co_return fail(s.error());
  co_return std::unique_ptr<Store>(std::move(*s));
}

Task<Result<std::unique_ptr<Store>>> open_for_reading(asio::any_io_executor loop, std::string url,
                                                      Reading how) {
  auto backend = backend_of(url);
  if (!backend) co_return fail(backend.error());
  if (*backend == Backend::datastore) co_return co_await open_known_datastore(loop, url);
  if (*backend == Backend::sqlite) {
    auto s = SqliteStore::open_reading(loop, path_of(url), how == Reading::alone);
    if (!s) co_return fail(s.error());
    co_return std::unique_ptr<Store>(std::move(*s));
  }
  auto address = postgres::read_address(url);
  if (!address) co_return fail(address.error());
  auto s = co_await PostgresStore::open_reading(loop, std::move(*address), {});
  if (!s) co_return fail(s.error());
  co_return std::unique_ptr<Store>(std::move(*s));
}

Task<Result<About>> look_at(asio::any_io_executor loop, std::string url, bool thorough) {
  auto backend = backend_of(url);
  if (!backend) co_return fail(backend.error());
  About out;
  if (*backend == Backend::sqlite) {
    Pool pool(1);
    auto schema = co_await pool.run([path = path_of(url), thorough] { return schema_of(path, thorough); });
    if (!schema) co_return fail(schema.error());
    out = {"SQLite", *schema, newest_schema()};
  } else if (*backend == Backend::postgres) {
    auto address = postgres::read_address(url);
    if (!address) co_return fail(address.error());
    const postgres::Settings limits;
    auto c = co_await postgres::Connection::open(loop, std::move(*address), limits.connect, limits.statement);
    if (!c) co_return fail(c.error());
    auto found = co_await postgres::find_schema(*c, limits.answer);
    if (!found) co_return fail(found.error());
    out = {"PostgreSQL", found->version, postgres::newest_schema()};
  } else {
    auto opened = co_await open_known_datastore(loop, url);
    if (!opened) co_return fail(opened.error());
    out = {"Datastore", DatastoreStore::kSchema, DatastoreStore::kSchema};
  }
  co_return out;
}

std::string shown(const std::string& url) { return postgres::without_password(url); }

}  // namespace lemmy::store
