// The contract of every store, on PostgreSQL.
#include "store/conformance.h"

#include "store/postgres/fixture.h"

namespace lemmy::store {
namespace {

std::unique_ptr<Store> fresh_store(asio::any_io_executor e) {
  auto& server = postgres::TestServer::get();
  auto& loop = static_cast<asio::io_context&>(asio::query(e, asio::execution::context));
  auto opened =
      finish(loop, asio::co_spawn(loop, open_store(e, server.url(server.fresh_schema())), asio::use_future));
  if (!opened) throw std::runtime_error(opened.error().str());
  return std::move(*opened);
}

INSTANTIATE_TEST_SUITE_P(Postgres, StoreConformance,
                         testing::Values(BackendFactory{"postgres", fresh_store}));

}  // namespace
}  // namespace lemmy::store
