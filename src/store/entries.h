#pragma once
// The store's two general kinds, for what needs no table of its own: entries (locks, requests that wait,
// approvals, holds, evidence, jobs, a counter of a target) and the feed (what happened, for those who tell of
// it). Values; calls.inc has the calls: entry, entries, write_all, feed, trim_feed.
#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "domain/deploy.h"

namespace lemmy::store {

struct Entry {
  std::string kind;   // 1 to 40 of [-a-z0-9]; "feed" is the store's own
  std::string key;    // 1 to 400 characters of printable ASCII, sorted by byte
  json::object body;  // at most 512 KiB as text
  // Given by the store: another one with each write, and never the same twice for a key. 0: it is not there.
  int64_t revision = 0;
  bool operator==(const Entry&) const = default;
};
// A key of any texts: the parts joined by '/', each percent-encoded. No two lists of parts give one key.
std::string entry_key(std::initializer_list<std::string_view> parts);

// What happened, in the order of commit for each target; of several targets in any one order, the same for
// all readers.
struct FeedItem {
  int64_t seq = 0;  // given by the store; grows
  std::string id;   // 1 to 128 characters of printable ASCII: what was appended with it is not appended again
  Target target;    // both empty: of none; else at most 100 characters each
  int64_t number = 0;  // of a deploy of the target; 0: of none; kMade: of the one that the same write makes
  Time at{};
  std::string kind;   // as of an entry
  json::object body;  // at most 64 KiB as text
  bool operator==(const FeedItem&) const = default;
};
inline constexpr int64_t kMade = -1;

struct Feed {
  std::vector<FeedItem> items;  // by seq
  int64_t last = 0;             // the highest seq there was: who wants only what comes begins here
  int64_t let_go = 0;           // the highest seq that is gone: who had not come so far has missed something
};

// Who reads the feed, and how far it has come: what is not behind all of them is not let go. Kept as an
// entry, so it is moved by Writes::put, alone or together with what was done with the items; only forwards:
//   Consumer c = consumer_of(entry(kConsumer, "mail"));
//   Feed f = feed(c.at, 100);                          // then do something with each, by its id
//   c.at = f.items.back().seq;
//   write_all({.put = {entry_of(c)}}, fence);          // conflict: another one was quicker
struct Consumer {
  std::string name;      // as an entry's key
  int64_t at = 0;        // the seq of the last item that is done
  int64_t revision = 0;  // of the entry; 0: it is new
  bool operator==(const Consumer&) const = default;
};
inline constexpr const char* kConsumer = "consumer";  // the kind
Entry entry_of(const Consumer& c);
Consumer consumer_of(const Entry& e);  // of kind consumer; of one that is not there: at 0

// Written together, all or nothing.
struct Writes {
  struct Make {
    Deploy deploy;
    DeployEvent first;
  };
  struct Change {
    Deploy deploy;
    std::vector<DeployEvent> events;
  };
  std::optional<Make> make;    // as create_deploy
  std::vector<Change> change;  // as update_deploy; at most 10, each another deploy
  // When the stored revision is that of the entry. At most 50 with those to remove, each another one.
  std::vector<Entry> put;
  std::vector<Entry> remove;   // the same; the body does not matter
  std::vector<FeedItem> tell;  // at most 50, in this order
};
struct Written {
  std::optional<Deploy> made;
  bool known = false;  // the target had that request_id: `made` is its deploy, and nothing at all was written
  std::vector<Deploy> changed;  // as they are stored now, in the order of Writes
  std::vector<int64_t> put;     // their revisions now
};

// What the store refuses whatever is in it. Errors: invalid, too_large (4 MiB of bodies in one write).
Result<> check_writes(const Writes& w);
Result<> check_kind(const std::string& kind);

}  // namespace lemmy::store
