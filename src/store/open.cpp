// Which backend a URL names.
#include "store/datastore/datastore_store.h"
#include "store/postgres/address.h"
#include "store/postgres/postgres_store.h"
#include "store/sqlite/sqlite_store.h"

namespace lemmy::store {

Result<std::unique_ptr<Store>> open_sqlite(asio::any_io_executor loop, const std::string& path) {
  auto s = SqliteStore::open(loop, path);
  if (!s) return fail(s.error());
  return std::unique_ptr<Store>(std::move(*s));
}

Task<Result<std::unique_ptr<Store>>> open_store(asio::any_io_executor loop, std::string url) {
  if (url.starts_with("sqlite:") && url.size() > 7) co_return open_sqlite(loop, url.substr(7));
  if (url.starts_with("postgres://") || url.starts_with("postgresql://")) {
    auto address = postgres::read_address(url);
    if (!address) co_return fail(address.error());
    auto s = co_await PostgresStore::open(loop, std::move(*address), {});
    if (!s) co_return fail(s.error());
    co_return std::unique_ptr<Store>(std::move(*s));
  }
  if (url.starts_with("datastore:")) co_return open_datastore(loop, url);
  co_return fail(ErrorCode::invalid, "--store",
                 "'" + url.substr(0, url.find(':')) + ":' is not a store Lemmy knows",
                 "write sqlite:PATH, for example sqlite:lemmy.db, postgres://USER@HOST/DATABASE or "
                 "datastore://PROJECT");
}

std::string shown(const std::string& url) { return postgres::without_password(url); }

}  // namespace lemmy::store
