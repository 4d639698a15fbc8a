#include "store/datastore/entity.h"

#include <fmt/format.h>

#include <charconv>

#include "base/strings.h"
#include "net/http.h"
#include "store/shared.h"

namespace lemmy::store::datastore {
namespace {

// A body above it is compressed; below it a person can read it in the console.
constexpr size_t kPlainBody = 8 * 1024;

json::value unindexed(std::string_view type, json::value v) {
  return json::object{{type, std::move(v)}, {"excludeFromIndexes", true}};
}

}  // namespace

std::string name_of(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (std::string_view part : parts) {
    if (!out.empty()) out += '/';
    out += net::percent_encode(part);
  }
  return out;
}

std::string sortable(int64_t n) { return fmt::format("{:020}", static_cast<uint64_t>(n) ^ (1ull << 63)); }

void Entity::set_indexed(std::string_view name, std::string_view text) {
  properties[name] = json::object{{"stringValue", text}};
}

void Entity::set_flag(std::string_view name, bool on) {
  if (on)
    properties[name] = json::object{{"booleanValue", true}};
  else
    properties.erase(name);
}

void Entity::set_integer(std::string_view name, int64_t n) {
  properties[name] = unindexed("integerValue", json::value(std::to_string(n)));
}

void Entity::set_text(std::string_view name, std::string_view bytes) {
  if (bytes.contains('\0') || valid_utf8(bytes) != bytes) return set_bytes(name, bytes);
  properties[name] = unindexed("stringValue", json::value(bytes));
}

void Entity::set_bytes(std::string_view name, std::string_view bytes) {
  properties[name] = unindexed("blobValue", json::value(to_base64(bytes)));
}

void Entity::set_body(const json::object& o) {
  std::string text = valid_utf8(json::serialize(o));
  properties.erase("size");
  if (text.size() <= kPlainBody) return set_text("body", text);
  set_integer("size", static_cast<int64_t>(text.size()));
  set_bytes("body", pack(text));
}

std::string Entity::text(std::string_view name) const {
  const json::value* v = properties.if_contains(name);
  const json::object* o = v ? v->if_object() : nullptr;
  if (!o) return "";
  if (o->contains("blobValue")) return from_base64(text_or(*o, "blobValue")).value_or("");
  return std::string(text_or(*o, "stringValue"));
}

int64_t Entity::integer(std::string_view name) const {
  const json::value* v = properties.if_contains(name);
  const json::object* o = v ? v->if_object() : nullptr;
  if (!o) return 0;
  int64_t n = int_or(*o, "integerValue");
  std::string_view digits = text_or(*o, "integerValue");  // int64 is a string in Google's JSON
  if (!digits.empty()) std::from_chars(digits.data(), digits.data() + digits.size(), n);
  return n;
}

Result<json::value> Entity::body() const {
  std::string where = key.kind + " " + key.name;
  std::string stored = text("body");
  if (!properties.contains("size")) return parse_json(stored, where);
  auto plain = unpack(stored, integer("size"), where, "body");
  if (!plain) return fail(plain.error());
  return parse_json(*plain, where);
}

json::object to_json(const Place& p) {
  json::object o{{"projectId", p.project}};
  if (!p.database.empty()) o["databaseId"] = p.database;
  if (!p.name_space.empty()) o["namespaceId"] = p.name_space;
  return o;
}

json::object to_json(const Key& k, const Place& p) {
  json::object last{{"kind", k.kind}};
  if (k.name.empty())
    last["id"] = std::to_string(k.id);
  else
    last["name"] = k.name;
  return {{"partitionId", to_json(p)}, {"path", json::array{std::move(last)}}};
}

Key key_from_json(const json::value& v) {
  const json::value* path = find(v, {"path"});
  const json::array* steps = path ? path->if_array() : nullptr;
  if (!steps || steps->empty() || !steps->back().is_object()) return {};
  const json::object& last = steps->back().get_object();
  Key k{std::string(text_or(last, "kind")), std::string(text_or(last, "name")), 0};
  std::string_view digits = text_or(last, "id");
  std::from_chars(digits.data(), digits.data() + digits.size(), k.id);
  return k;
}

std::string mutation(std::string_view verb, const Entity& e, const Place& p) {
  return json::serialize(
      json::object{{verb, json::object{{"key", to_json(e.key, p)}, {"properties", e.properties}}}});
}

std::string removal(const Key& key, const Place& p) {
  return json::serialize(json::object{{"delete", to_json(key, p)}});
}

Entity entity_from_json(const json::value& result) {
  Entity e;
  if (const json::value* key = find(result, {"entity", "key"})) e.key = key_from_json(*key);
  const json::value* properties = find(result, {"entity", "properties"});
  if (properties && properties->is_object()) e.properties = properties->get_object();
  return e;
}

}  // namespace lemmy::store::datastore
