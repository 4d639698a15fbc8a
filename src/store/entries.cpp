#include "store/entries.h"

#include <algorithm>
#include <set>

#include "base/strings.h"
#include "store/records.h"
#include "store/shared.h"

namespace lemmy::store {
namespace {

constexpr size_t kMostBody = 512u << 10, kMostItem = 64u << 10, kMostTogether = 4u << 20;
constexpr size_t kMostKey = 400, kMostId = 128, kMostName = 100;
constexpr size_t kMostEntries = 50, kMostItems = 50, kMostChanges = 10, kMostEvents = 20;

Result<> check_text(const std::string& text, size_t most, const char* where) {
  const bool printable = std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
  if (!text.empty() && text.size() <= most && printable) return {};
  return fail(ErrorCode::invalid, where, "'" + shorten(valid_utf8(text), 80) + "' is none",
              fmt::format("1 to {} characters of printable ASCII", most));
}

Result<> check_size(size_t bytes, size_t most, const std::string& where) {
  if (bytes <= most) return {};
  return fail(ErrorCode::too_large, where, fmt::format("{} bytes; at most {} can be kept", bytes, most));
}

Result<> check_count(size_t n, size_t most, const char* of) {
  if (n <= most) return {};
  return fail(ErrorCode::invalid, "write", fmt::format("{} {}; at most {} go together", n, of, most));
}

Result<> check_entry(const Entry& e) {
  if (auto ok = check_kind(e.kind); !ok) return ok;
  if (auto ok = check_text(e.key, kMostKey, "key of an entry"); !ok) return ok;
  if (e.kind == kFeedState) return fail(ErrorCode::invalid, "entry", "kind 'feed' is the store's own");
  const json::value* at = e.body.if_contains("at");
  if (e.kind == kConsumer && (!at || !at->is_int64() || at->get_int64() < 0))
    return fail(ErrorCode::invalid, place(e), "it says not how far it has come", "write entry_of(consumer)");
  if (e.revision < 0) return fail(ErrorCode::invalid, place(e), "its revision is none of the store's");
  return {};
}

}  // namespace

std::string entry_key(std::initializer_list<std::string_view> parts) { return key_of(parts); }

Entry entry_of(const Consumer& c) { return {kConsumer, c.name, json::object{{"at", c.at}}, c.revision}; }
Consumer consumer_of(const Entry& e) { return {e.key, int_or(e.body, "at"), e.revision}; }

Result<> check_kind(const std::string& kind) {
  const bool made_of = std::ranges::all_of(
      kind, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  if (made_of && !kind.empty() && kind.size() <= 40) return {};
  return fail(ErrorCode::invalid, "kind", "'" + shorten(valid_utf8(kind), 80) + "' is none",
              "1 to 40 of a-z, 0-9 and -");
}

Result<> check_entries_page(const std::string& kind, const std::string& prefix, const Page& page) {
  if (auto ok = check_kind(kind); !ok) return ok;
  if (!prefix.empty())
    if (auto ok = check_text(prefix, kMostKey, "prefix of a key"); !ok) return ok;
  if (page.after.empty() || check_text(page.after, kMostKey, "")) return {};
  return bad_cursor(page);
}

KeyRange key_range(const std::string& prefix, const Page& page) {
  // Keys are of printable characters: one is before all of them, one behind.
  return {page.after.empty() || page.after < prefix ? prefix : page.after + "\x01", prefix + "\x7f"};
}

Result<> check_writes(const Writes& w) {
  if (auto ok = check_count(w.change.size(), kMostChanges, "deploys"); !ok) return ok;
  if (auto ok = check_count(w.put.size() + w.remove.size(), kMostEntries, "entries"); !ok) return ok;
  if (auto ok = check_count(w.tell.size(), kMostItems, "items of the feed"); !ok) return ok;
  size_t bytes = 0;
  std::set<std::pair<std::string, std::string>> entries;
  for (const auto* list : {&w.put, &w.remove})
    for (const Entry& e : *list) {
      if (auto ok = check_entry(e); !ok) return ok;
      if (!entries.emplace(e.kind, e.key).second)
        return fail(ErrorCode::invalid, place(e), "it is there twice in one write");
    }
  for (const Entry& e : w.put) {
    const size_t size = body_of(e.body).size();
    if (auto ok = check_size(size, kMostBody, place(e)); !ok) return ok;
    bytes += size;
  }
  std::set<std::pair<Target, int64_t>> deploys;
  for (const Writes::Change& c : w.change) {
    if (auto ok = check_count(c.events.size(), kMostEvents, "events of one deploy"); !ok) return ok;
    if (!deploys.emplace(c.deploy.target, c.deploy.number).second)
      return fail(ErrorCode::invalid, place(c.deploy.target, c.deploy.number),
                  "it is there twice in one write");
  }
  std::set<std::string> ids;
  for (const FeedItem& i : w.tell) {
    if (auto ok = check_text(i.id, kMostId, "id of an item of the feed"); !ok) return ok;
    if (auto ok = check_kind(i.kind); !ok) return ok;
    for (const std::string* name : {&i.target.project, &i.target.environment})
      if (name->size() > kMostName) return fail(ErrorCode::invalid, "feed", "the target's name is too long");
    if (!ids.insert(i.id).second) return fail(ErrorCode::invalid, "feed", "id " + i.id + " is there twice");
    if (i.number < kMade || (i.number == kMade && (!w.make || w.make->deploy.target != i.target)))
      return fail(ErrorCode::invalid, "feed", "an item of a deploy that this write does not make");
    const size_t size = body_of(i.body).size();
    if (auto ok = check_size(size, kMostItem, "item " + i.id + " of the feed"); !ok) return ok;
    bytes += size;
  }
  return check_size(bytes, kMostTogether, "write");
}

}  // namespace lemmy::store
