#pragma once
// Inside room playground: the objects of the simulated cluster, their versions, and a bounded history for
// watches. Loop thread only.
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>

#include "async/task.h"
#include "base/time.h"
#include "net/http.h"
#include "playground/resources.h"

namespace lemmy::playground {

// A part of an object that many share: the pods of one controller on one node have one spec.
struct Frozen {
  json::value value;
  std::string text;
};
using Spec = std::shared_ptr<const Frozen>;
Spec freeze(json::value value);

using Applied = std::map<std::string, json::object>;  // by field manager: what it applied last

struct Object {
  Kind kind = Kind::pod;
  std::string ns, name, uid;
  json::object head;  // everything but spec
  Spec spec;          // null: the kind has none
  std::shared_ptr<const Applied> applied;
  uint64_t version = 0;

  json::object& meta();
  const json::object& meta() const;
  const json::object* labels() const;
  const json::object& part(std::string_view key) const;  // "status", "data"; empty when there is none
  const json::object& spec_object() const;
  int64_t spec_int(std::string_view key, int64_t otherwise) const;
  bool deleting() const;
  std::vector<std::string> owners() const;  // uids
  json::object whole() const;
  const net::Shared& text() const;  // made once

 private:
  struct Made {  // a copy is about to be changed: it begins without the text
    net::Shared text;
    Made() = default;
    Made(const Made&) {}
    Made& operator=(const Made&) {
      text.reset();
      return *this;
    }
  };
  mutable Made made_;
};
using Stored = std::shared_ptr<const Object>;
// From a whole manifest: kind, ns and name from what it says.
Object object_from(Kind kind, json::object whole);

struct Change {
  enum class Type { added, modified, deleted } type;
  Stored now, before;  // deleted: now is the last state, with the version of its deletion
};

using Key = std::pair<std::string, std::string>;  // namespace, name

class Store {
 public:
  Store(asio::any_io_executor executor, size_t history);

  Stored find(Kind kind, const std::string& ns, const std::string& name) const;
  Stored by_uid(const std::string& uid) const;
  const std::map<Key, Stored>& all(Kind kind) const { return table(kind).objects; }
  std::vector<Stored> dependents(const std::string& owner_uid) const;

  // Creates or replaces. Gives version, uid, creationTimestamp and generation; a put that changes nothing
  // keeps the version.
  Stored put(Object object);
  void remove(Kind kind, const std::string& ns, const std::string& name);
  // After each change, in order.
  void listen(std::function<void(const Change&)> f) { listeners_.push_back(std::move(f)); }

  uint64_t version() const { return version_; }
  // Changes after `version`, at most `most`; false: too old, some were forgotten.
  bool since(Kind kind, uint64_t version, size_t most, std::vector<Change>* out) const;
  uint64_t oldest(Kind kind) const { return table(kind).forgotten; }
  void forget_history();
  Signal& changed(Kind kind) { return *tables_[static_cast<size_t>(kind)].changed; }

 private:
  struct Table {
    std::map<Key, Stored> objects;
    std::deque<Change> history;
    uint64_t forgotten = 0;  // changes up to this version are not in the history
    std::unique_ptr<Signal> changed;
  };
  const Table& table(Kind kind) const { return tables_[static_cast<size_t>(kind)]; }
  void note(Kind kind, Change change);
  void index(const Stored& object, bool add);

  std::array<Table, kKinds> tables_;
  std::unordered_map<std::string, Stored> by_uid_;
  std::unordered_map<std::string, std::set<std::string>> dependents_;
  std::vector<std::function<void(const Change&)>> listeners_;
  size_t most_;
  uint64_t version_ = 1000;
};

std::string stamp(Time t);  // RFC 3339, whole seconds, as metav1.Time
const json::object& sub(const json::object& o, std::string_view key);
const json::array& list_in(const json::object& o, std::string_view key);
json::object& make_sub(json::object& o, std::string_view key);

}  // namespace lemmy::playground
