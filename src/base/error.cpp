#include "base/error.h"

namespace lemmy {
namespace {

struct Row {
  ErrorCode code;
  std::string_view name, title;
  int http, exit;
};

constexpr Row kRows[] = {
    {ErrorCode::invalid, "invalid", "Invalid input", 422, 2},
    {ErrorCode::unauthorized, "unauthorized", "Not signed in", 401, 3},
    {ErrorCode::forbidden, "forbidden", "Not allowed", 403, 3},
    {ErrorCode::not_found, "not_found", "Not found", 404, 4},
    {ErrorCode::conflict, "conflict", "Conflict", 409, 5},
    {ErrorCode::too_large, "too_large", "Too large", 413, 2},
    {ErrorCode::rate_limited, "rate_limited", "Too many requests", 429, 6},
    {ErrorCode::rejected, "rejected", "Rejected by another system", 422, 7},
    {ErrorCode::unavailable, "unavailable", "Unavailable", 503, 6},
    {ErrorCode::timeout, "timeout", "Timed out", 504, 6},
    {ErrorCode::cancelled, "cancelled", "Cancelled", 409, 8},
    {ErrorCode::internal, "internal", "Internal error", 500, 70},
};

const Row& row(ErrorCode code) {
  for (const Row& r : kRows)
    if (r.code == code) return r;
  return kRows[std::size(kRows) - 1];
}

}  // namespace

std::string_view name(ErrorCode code) { return row(code).name; }
std::string_view title(ErrorCode code) { return row(code).title; }
int http_status(ErrorCode code) { return row(code).http; }
int exit_code(ErrorCode code) { return row(code).exit; }

std::string Error::str() const {
  std::string out;
  if (!where.empty()) out = where + ": ";
  out += what;
  if (!hint.empty()) out += " (" + hint + ")";
  return out;
}

}  // namespace lemmy
