#pragma once
// For `lemmy store`: a store as it is, without making, migrating or changing it.
#include "store/store.h"

namespace lemmy::store {

struct About {
  std::string backend;  // "SQLite"
  int64_t schema = 0;   // 0: nothing is there yet
  int64_t newest = 0;   // that this Lemmy knows
};
// Errors: not_found when there is no such file; conflict when it is another program's, or newer; internal
// when it is damaged; what a place that cannot be reached says. `thorough` reads a whole SQLite file.
Task<Result<About>> look_at(asio::any_io_executor loop, std::string url, bool thorough);

enum class Reading {
  beside,  // while servers write
  alone    // refuses a SQLite file that a server has open, and keeps servers off it
};
// Only for reading: writes fail. On SQLite and PostgreSQL everything is read as it was at one moment. Errors:
// as look_at; conflict when the schema is older than this Lemmy's.
Task<Result<std::unique_ptr<Store>>> open_for_reading(asio::any_io_executor loop, std::string url,
                                                      Reading how);

}  // namespace lemmy::store
