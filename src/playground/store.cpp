#include "playground/store.h"

#include <fmt/format.h>

#include "base/crypto.h"

namespace lemmy::playground {
namespace {
const json::object kNone;

std::string make_uid() {
  std::string h = random_hex(16);
  h[12] = '4';
  return h.substr(0, 8) + "-" + h.substr(8, 4) + "-" + h.substr(12, 4) + "-a" + h.substr(17, 3) + "-" +
         h.substr(20);
}

bool same_spec(const Spec& a, const Spec& b) {
  return a == b || (a && b && a->value == b->value) || (!a && !b);
}
bool same(const Object& a, const Object& b) { return same_spec(a.spec, b.spec) && a.head == b.head; }
}  // namespace

const json::object& sub(const json::object& o, std::string_view key) {
  const json::value* v = o.if_contains(key);
  return v && v->is_object() ? v->get_object() : kNone;
}
const json::array& list_in(const json::object& o, std::string_view key) {
  static const json::array none;
  const json::value* v = o.if_contains(key);
  return v && v->is_array() ? v->get_array() : none;
}
json::object& make_sub(json::object& o, std::string_view key) {
  json::value& v = o[key];
  if (!v.is_object()) v = json::object{};
  return v.get_object();
}

std::string stamp(Time t) { return format_time(t).substr(0, 19) + "Z"; }

Spec freeze(json::value value) {
  std::string text = json::serialize(value);
  return std::make_shared<const Frozen>(Frozen{std::move(value), std::move(text)});
}

json::object& Object::meta() { return make_sub(head, "metadata"); }
const json::object& Object::meta() const { return sub(head, "metadata"); }
const json::object* Object::labels() const {
  const json::value* v = meta().if_contains("labels");
  return v ? v->if_object() : nullptr;
}
const json::object& Object::part(std::string_view key) const { return sub(head, key); }
const json::object& Object::spec_object() const {
  return spec && spec->value.is_object() ? spec->value.get_object() : kNone;
}
int64_t Object::spec_int(std::string_view key, int64_t otherwise) const {
  return int_or(spec_object(), key, otherwise);
}
bool Object::deleting() const { return meta().contains("deletionTimestamp"); }

std::vector<std::string> Object::owners() const {
  std::vector<std::string> out;
  for (const json::value& v : list_in(meta(), "ownerReferences"))
    if (const json::object* o = v.if_object()) out.emplace_back(text_or(*o, "uid"));
  return out;
}

json::object Object::whole() const {
  json::object out;
  for (const auto& [k, v] : head) {
    out[k] = v;
    if (k == "metadata" && spec) out["spec"] = spec->value;
  }
  return out;
}

const net::Shared& Object::text() const {
  if (made_.text) return made_.text;
  std::string out = "{";
  for (const auto& [k, v] : head) {
    if (out.size() > 1) out += ',';
    out += json::serialize(json::value(k)) + ":" + json::serialize(v);
    if (k == "metadata" && spec) out += ",\"spec\":" + spec->text;
  }
  out += '}';
  return made_.text = std::make_shared<const std::string>(std::move(out));
}

Object object_from(Kind kind, json::object whole) {
  Object o;
  o.kind = kind;
  const Resource& r = resource(kind);
  o.head["kind"] = r.type;
  o.head["apiVersion"] = r.version;
  o.head["metadata"] = json::object{};
  for (auto& [k, v] : whole) {
    if (k == "spec")
      o.spec = freeze(std::move(v));
    else
      o.head[k] = std::move(v);
  }
  o.head["kind"] = r.type;
  o.head["apiVersion"] = r.version;
  o.name = std::string(text_or(o.meta(), "name"));
  o.ns = std::string(text_or(o.meta(), "namespace"));
  o.uid = std::string(text_or(o.meta(), "uid"));
  return o;
}

Store::Store(asio::any_io_executor executor, size_t history) : most_(std::max<size_t>(history, 16)) {
  for (Table& t : tables_) {
    t.changed = std::make_unique<Signal>(executor);
    t.forgotten = version_;
  }
}

Stored Store::find(Kind kind, const std::string& ns, const std::string& name) const {
  auto it = table(kind).objects.find({ns, name});
  return it == table(kind).objects.end() ? nullptr : it->second;
}
Stored Store::by_uid(const std::string& uid) const {
  auto it = by_uid_.find(uid);
  return it == by_uid_.end() ? nullptr : it->second;
}
std::vector<Stored> Store::dependents(const std::string& owner_uid) const {
  std::vector<Stored> out;
  auto it = dependents_.find(owner_uid);
  if (it == dependents_.end()) return out;
  for (const std::string& uid : it->second)
    if (Stored o = by_uid(uid)) out.push_back(o);
  return out;
}

void Store::index(const Stored& object, bool add) {
  if (add)
    by_uid_[object->uid] = object;
  else
    by_uid_.erase(object->uid);
  for (const std::string& owner : object->owners()) {
    if (add) {
      dependents_[owner].insert(object->uid);
    } else if (auto it = dependents_.find(owner); it != dependents_.end()) {
      it->second.erase(object->uid);
      if (it->second.empty()) dependents_.erase(it);
    }
  }
}

Stored Store::put(Object object) {
  Stored before = find(object.kind, object.ns, object.name);
  json::object& meta = object.meta();
  bool counted = is_scaled(object.kind) || object.kind == Kind::pod;
  if (!before) {
    object.uid = make_uid();
    meta["uid"] = object.uid;
    meta["creationTimestamp"] = stamp(now());
    if (counted) meta["generation"] = 1;
  } else {
    object.uid = before->uid;
    meta["uid"] = object.uid;
    meta["creationTimestamp"] = before->meta().at("creationTimestamp");
    meta["resourceVersion"] = before->meta().at("resourceVersion");
    if (counted) {
      int64_t g = int_or(before->meta(), "generation", 1);
      meta["generation"] = g + (same_spec(object.spec, before->spec) ? 0 : 1);
    }
    if (same(object, *before)) {
      if (object.applied == before->applied) return before;
      // Only what a manager claims is different: nothing that a watch would tell.
      object.version = before->version;
      auto quiet = std::make_shared<const Object>(std::move(object));
      tables_[static_cast<size_t>(quiet->kind)].objects[{quiet->ns, quiet->name}] = quiet;
      by_uid_[quiet->uid] = quiet;
      return quiet;
    }
  }
  object.version = ++version_;
  meta["resourceVersion"] = std::to_string(object.version);
  auto stored = std::make_shared<const Object>(std::move(object));
  if (before) index(before, false);
  tables_[static_cast<size_t>(stored->kind)].objects[{stored->ns, stored->name}] = stored;
  index(stored, true);
  note(stored->kind, {before ? Change::Type::modified : Change::Type::added, stored, before});
  return stored;
}

void Store::remove(Kind kind, const std::string& ns, const std::string& name) {
  Stored before = find(kind, ns, name);
  if (!before) return;
  tables_[static_cast<size_t>(kind)].objects.erase({ns, name});
  index(before, false);
  Object last;
  last.kind = kind;
  last.ns = ns, last.name = name, last.uid = before->uid;
  last.head = before->head, last.spec = before->spec;
  last.version = ++version_;
  last.meta()["resourceVersion"] = std::to_string(version_);
  note(kind, {Change::Type::deleted, std::make_shared<const Object>(std::move(last)), before});
}

void Store::note(Kind kind, Change change) {
  Table& t = tables_[static_cast<size_t>(kind)];
  t.history.push_back(change);
  while (t.history.size() > most_) {
    t.forgotten = t.history.front().now->version;
    t.history.pop_front();
  }
  t.changed->notify();
  for (size_t i = 0; i < listeners_.size(); ++i) listeners_[i](change);
}

bool Store::since(Kind kind, uint64_t version, size_t most, std::vector<Change>* out) const {
  const Table& t = table(kind);
  if (version < t.forgotten) return false;
  auto it = std::upper_bound(t.history.begin(), t.history.end(), version,
                             [](uint64_t v, const Change& c) { return v < c.now->version; });
  for (; it != t.history.end() && out->size() < most; ++it) out->push_back(*it);
  return true;
}

void Store::forget_history() {
  ++version_;  // so that even the newest version a client holds is too old
  for (Table& t : tables_) {
    t.history.clear();
    t.forgotten = version_;
    t.changed->notify();
  }
}

}  // namespace lemmy::playground
