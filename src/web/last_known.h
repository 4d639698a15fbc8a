#pragma once
// What pages showed last, for when the store cannot be read. Loop thread only.
#include <map>
#include <string>

#include "base/json.h"
#include "base/time.h"

namespace lemmy::web {

class LastKnown {
 public:
  struct Entry {
    json::object data;
    Time at{};
    uint64_t used = 0;
  };
  // Of more than `most` keys the one that was longest not asked for goes.
  explicit LastKnown(size_t most) : most_(most) {}
  void keep(const std::string& key, json::object data, Time at);
  const Entry* find(const std::string& key);  // nullptr: never seen. Valid until the next keep().
  size_t size() const { return entries_.size(); }

 private:
  size_t most_;
  uint64_t clock_ = 0;
  std::map<std::string, Entry> entries_;
};

}  // namespace lemmy::web
