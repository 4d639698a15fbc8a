#pragma once
// Inside room store: the tables.
#include "store/postgres/connection.h"

namespace lemmy::store::postgres {

// Makes the tables in the current schema, or takes them forward; one server at a time, by an advisory lock
// that ends with the connection. Gives the channel of its notices. Refuses a newer schema, a database that is
// not UTF-8, and tables of another program; nothing is written then.
Task<Result<std::string>> migrate(std::shared_ptr<Connection> connection, milliseconds limit);

// What is there, and nothing is made: version 0 when there are no tables. Errors: as migrate.
struct Found {
  int64_t version = 0;
  std::string channel;
};
Task<Result<Found>> find_schema(std::shared_ptr<Connection> connection, milliseconds limit);
int64_t newest_schema();

}  // namespace lemmy::store::postgres
