#pragma once
// What is kept, as records (store.h): the same JSON whichever backend it comes from. Pure.
#include <array>
#include <variant>

#include "store/store.h"

namespace lemmy::store {

inline constexpr RecordKind kRecordKinds[] = {
    RecordKind::build,    RecordKind::delivery, RecordKind::target, RecordKind::deploy, RecordKind::event,
    RecordKind::document, RecordKind::instance, RecordKind::entry,  RecordKind::feed};
std::string_view name(RecordKind k);  // "build"
std::optional<RecordKind> record_kind_from(std::string_view name);

// A page of records ends early when it is this big, and with at least one.
inline constexpr size_t kPageBytes = 16u << 20;

// The highest number that a target ever gave to a deploy.
struct LastNumber {
  Target target;
  int64_t last = 0;
};
struct Document {
  Target target;
  int64_t number = 0;
  std::string name, text;
};
// Deploys and events keep their JSON, with fields that this Lemmy does not know.
struct KeptDeploy {
  Deploy deploy;
  std::string body;
};
struct KeptEvent {
  DeployEvent event;
  std::string body;
};

Record record_of(const Build& b);
Record record_of(const Delivery& d);
Record record_of(const LastNumber& n);
Record record_of(const Document& d);
Record record_of(const Instance& i);
Record record_of(const Entry& e);
Record record_of(const FeedItem& i);
json::object to_json(const FeedItem& i);  // as it stands in copies, backups and the archive
// `body` is the JSON as it is stored; what the backend keeps beside it is written into it.
Result<Record> deploy_record(const Target& t, int64_t number, int64_t revision, std::string_view body);
Result<Record> event_record(const Target& t, int64_t number, int64_t seq, std::string_view body);

// Errors: invalid, naming the record: it is no JSON, something is missing, or the key is not its own.
using Content =
    std::variant<Build, Delivery, LastNumber, KeptDeploy, KeptEvent, Document, Instance, Entry, FeedItem>;
Result<Content> read_record(const Record& r);

// Read, and the documents' texts compressed: takes long.
struct Packed {
  Content content;
  int64_t size = 0;  // of a document before it was compressed
};
Result<std::vector<Packed>> read_packed(const std::vector<Record>& records);

// A key is made of parts joined by '/', each percent-encoded. It is the cursor of a page, too. nullopt: there
// are not so many parts.
std::string key_of(std::initializer_list<std::string_view> parts);
std::optional<std::vector<std::string>> parts_of(std::string_view key, size_t parts);

// How the SQL backends sort records: by these columns, which have the values of parts of the key.
struct SortColumn {
  const char* name;
  size_t part;
  bool number = false;
};
struct Sorting {
  size_t parts;  // of a key
  std::vector<SortColumn> columns;
  std::string list() const;  // "project, sha"
};
const Sorting& sorting_of(RecordKind kind);
// The values of a cursor in the order of the columns; none when it is empty. nullopt: it is no cursor.
using SortValue = std::variant<int64_t, std::string>;
std::optional<std::vector<SortValue>> sort_values(RecordKind kind, const Page& page);

// Count and content of many records, in whatever order they come.
class Tally {
 public:
  void add(const Record& r);
  int64_t count() const { return count_; }
  std::string hash() const;  // the sum of the SHA-256 of all, in hex
  bool operator==(const Tally&) const = default;

 private:
  int64_t count_ = 0;
  std::array<unsigned char, 32> sum_{};
};

}  // namespace lemmy::store
