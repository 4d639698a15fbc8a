#pragma once
// Inside room store: where a PostgreSQL is, as a URL of libpq says it.
#include <string>
#include <utility>
#include <vector>

#include "async/task.h"

namespace lemmy::store::postgres {

struct Address {
  std::vector<std::pair<std::string, std::string>> options;  // libpq's keywords; may hold a password
  std::string shown;                                         // the URL without it

  const std::string* find(std::string_view keyword) const;
  void set(const std::string& keyword, std::string value);
  // What a URL does not say is as for a server that runs for long: UTF-8, keepalives, only the primary.
  void set_default(const std::string& keyword, std::string value);
};

// postgres://USER:PASSWORD@HOST:PORT/DATABASE?KEYWORD=VALUE with everything that libpq takes. Never says the
// password in an error. Errors: invalid.
Result<Address> read_address(const std::string& url);

// Everything that could be a password, also of a URL that is none, becomes "***".
std::string without_password(const std::string& url);

// Looks host names up, so that libpq need not, which would block the loop.
Task<Result<Address>> with_addresses(asio::any_io_executor loop, Address address);

}  // namespace lemmy::store::postgres
