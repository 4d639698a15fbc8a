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

// Entries, and the feed's own one, which says what was let go of it.
inline constexpr const char* kFeedState = "feed";
inline constexpr const char* kLetGo = "let-go";
std::string place(const Entry& e);  // "lock hello/staging"
// Kind, prefix and cursor of a list.
Result<> check_entries_page(const std::string& kind, const std::string& prefix, const Page& page);
// Those of the page are from the first on and below the second.
struct KeyRange {
  std::string from, below;
};
KeyRange key_range(const std::string& prefix, const Page& page);
Result<Entry> stored_entry(std::string kind, std::string key, int64_t revision, const std::string& body);
Result<FeedItem> stored_item(FeedItem i, const std::string& body);
Entry let_go_entry(int64_t seq, int64_t revision);
// What the feed had come to when it was written, as far as a consumer or the feed's own entry says; else 0.
// New items get higher numbers.
int64_t feed_seq_in(const Entry& e);
// What a feed may let go of, by seq: what all have passed, and of the rest all but the newest `keep`.
struct MayGo {
  int64_t passed = 0;  // up to it, when they are old enough
  int64_t too_many = 0;
  bool operator()(int64_t seq, bool old) const { return seq <= too_many || (seq <= passed && old); }
};
MayGo may_go(const std::vector<Entry>& consumers, int64_t last, int64_t keep);
// A page of entries or items ends when it is this big, and with at least one.
inline constexpr int64_t kPageOfEntries = 8 << 20;

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
std::unexpected<Error> stale_entry(const Entry& e);
std::unexpected<Error> lost_lease(const std::string& name);
std::unexpected<Error> stale_lease(const std::string& name);

}  // namespace lemmy::store
