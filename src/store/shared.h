#pragma once
// Inside room store: what every backend reads, writes and answers alike.
#include <fmt/format.h>

#include "store/store.h"

namespace lemmy::store {

inline constexpr size_t kMostDocument = 16u << 20;

inline int limit_of(const Page& p) { return std::clamp(p.limit, 1, 1000); }
std::optional<int64_t> number_in(std::string_view text);
inline std::string place(const Target& t, int64_t number) { return fmt::format("{} #{}", t.str(), number); }

// Bytes that are not UTF-8 (a log tail cut in the middle) would make the row unreadable for ever.
std::string body_of(const json::object& o);
Result<Deploy> stored_deploy(const std::string& body);
std::optional<DeployEvent> stored_event(const std::string& body, int64_t seq);

// What a starting server must look after, together with pending().
bool is_open(const Instance& i);

// Cursors: of numbers it is the number itself.
std::optional<int64_t> number_cursor(const Page& p);  // INT64_MAX for the first page
struct BuildCursor {
  int64_t at = INT64_MAX;
  std::string sha;
};
std::optional<BuildCursor> build_cursor(const Page& p);
std::string cursor_of(const Build& b);
struct InstanceCursor {
  int64_t at = INT64_MAX;
  std::string project, environment, id;
};
std::optional<InstanceCursor> instance_cursor(const Page& p);
std::string cursor_of(const Instance& i);

// Documents are kept compressed.
std::string pack(std::string_view text);
Result<std::string> unpack(std::string_view packed, int64_t size, const std::string& where,
                           const std::string& name);

std::unexpected<Error> bad_cursor(const Page& p);
std::unexpected<Error> no_such_build(const std::string& project, const std::string& sha);
std::unexpected<Error> several_builds(const std::string& sha);
std::unexpected<Error> no_such_deploy(const Target& t, int64_t number);
std::unexpected<Error> stale_deploy(const Target& t, int64_t number);
std::unexpected<Error> unsettled_deploy(const Target& t, int64_t number);
std::unexpected<Error> no_such_document(const Target& t, int64_t number, const std::string& name);
std::unexpected<Error> too_large_document(const Target& t, int64_t number, const std::string& name,
                                          size_t size);
std::unexpected<Error> no_such_instance(const Target& t, const std::string& id);
std::unexpected<Error> lost_lease(const std::string& name);
std::unexpected<Error> stale_lease(const std::string& name);

}  // namespace lemmy::store
