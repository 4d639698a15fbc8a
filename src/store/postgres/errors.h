#pragma once
// Inside room store: what PostgreSQL and libpq say, as errors.
#include <libpq-fe.h>

#include <string>

#include "base/error.h"

namespace lemmy::store::postgres {

// What begins the reason of a transaction that was given up because something was changed meanwhile: sql.h,
// must_be_one().
inline constexpr std::string_view kStale = "Lemmy: stale ";

std::string first_line(const char* message);
// Why a connection could not be made. The message is one of PQERRORS_VERBOSE, which has the SQLSTATE.
Error connect_error(const char* message, const std::string& where);
Error lost_error(const char* message, const std::string& where);
// An answer of the server to a statement.
Error statement_error(const PGresult* result, const std::string& where);

}  // namespace lemmy::store::postgres
