#pragma once
// Inside room store: what the SQL files share.
#include <fmt/format.h>

#include <charconv>

#include "base/strings.h"
#include "store/sqlite/sqlite_store.h"

namespace lemmy::store {

using DB = SQLite::Database;
using Statement = SQLite::Statement;

inline int limit_of(const Page& p) { return std::clamp(p.limit, 1, 1000); }

inline std::optional<int64_t> number_in(std::string_view text) {
  int64_t n = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  return ec == std::errc() && end == text.data() + text.size() ? std::optional(n) : std::nullopt;
}

inline std::unexpected<Error> bad_cursor(const Page& p) {
  return fail(ErrorCode::invalid, "after",
              "'" + shorten(valid_utf8(p.after), 80) + "' is not a cursor of this list",
              "use the cursor of the page before as it came");
}

// Bytes that are not UTF-8 (a log tail cut in the middle) would make the row unreadable for ever.
inline std::string body_of(const json::object& o) { return valid_utf8(json::serialize(o)); }

inline void bind_target(Statement& s, const Target& t, int64_t number) {
  s.bind(1, t.project);
  s.bind(2, t.environment);
  s.bind(3, number);
}

// Writes the ledger entry; nullopt in `known`: it was not there before.
struct Entered {
  std::optional<Delivery> known;
  int64_t seq = 0;
};
Entered enter_delivery(DB& db, const Delivery& delivery);

Result<> check_fence(DB& db, const Fence& fence);

inline std::string place(const Target& t, int64_t number) { return fmt::format("{} #{}", t.str(), number); }

}  // namespace lemmy::store
