#pragma once
// Inside room store: values of Datastore's REST API v1 as Lemmy uses them. No I/O.
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/time.h"

namespace lemmy::store::datastore {

// Which part of which database: in every key and query.
struct Place {
  std::string project;
  std::string database;    // empty: "(default)"
  std::string name_space;  // empty: the default one
  std::string url;         // as a person wrote it, for errors
  bool operator==(const Place&) const = default;
};
// datastore://PROJECT[/DATABASE][?namespace=NS]. Errors: invalid, with what to write.
Result<Place> parse_url(const std::string& url);

struct Key {
  std::string kind;
  std::string name;
  int64_t id = 0;  // used when there is no name
  auto operator<=>(const Key&) const = default;
};

// Parts joined by '/', each percent-encoded, so that no two lists of parts give one name.
std::string name_of(std::initializer_list<std::string_view> parts);
// Twenty digits that sort as text as the numbers do, whatever their sign.
std::string sortable(int64_t n);

// Only what set_indexed and set_flag write is indexed: an index entry costs a write, and an indexed text may
// have 1500 bytes at most.
class Entity {
 public:
  Entity() = default;
  explicit Entity(Key k) : key(std::move(k)) {}

  void set_indexed(std::string_view name, std::string_view text);
  void set_flag(std::string_view name, bool on);  // off: no index entry
  void set_integer(std::string_view name, int64_t n);
  void set_text(std::string_view name,
                std::string_view bytes);  // any bytes: those a text cannot have are a blob
  void set_bytes(std::string_view name, std::string_view bytes);
  void set_body(const json::object& o);  // bytes that are not UTF-8 are replaced; compressed when it is large

  std::string text(std::string_view name) const;  // of set_indexed, set_text, set_bytes; "" when absent
  int64_t integer(std::string_view name) const;   // 0 when absent
  Result<json::value> body() const;

  Key key;
  json::object properties;
};

json::object to_json(const Place& place);
json::object to_json(const Key& key, const Place& place);
Key key_from_json(const json::value& v);
// A mutation as a commit has it: {"upsert": {...}}; `verb` is insert or upsert.
std::string mutation(std::string_view verb, const Entity& entity, const Place& place);
std::string removal(const Key& key, const Place& place);
// Of one element of found, missing or entityResults.
Entity entity_from_json(const json::value& result);

}  // namespace lemmy::store::datastore
