#pragma once
// Of many things that were kept, those that were asked for last. One thread.
#include <algorithm>
#include <map>
#include <string>

namespace lemmy::web {

template <class V>
class Lru {
 public:
  // Of more than `most` keys the one that was longest not asked for goes.
  explicit Lru(size_t most) : most_(most) {}
  void keep(const std::string& key, V value) {
    entries_[key] = {std::move(value), ++clock_};
    if (entries_.size() <= most_) return;
    entries_.erase(std::ranges::min_element(entries_, {}, [](const auto& e) { return e.second.used; }));
  }
  const V* find(
      const std::string& key) {  // nullptr: it was never kept, or went. Valid until the next keep().
    auto it = entries_.find(key);
    if (it == entries_.end()) return nullptr;
    it->second.used = ++clock_;
    return &it->second.value;
  }
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    V value;
    uint64_t used = 0;
  };
  size_t most_;
  uint64_t clock_ = 0;
  std::map<std::string, Entry> entries_;
};

}  // namespace lemmy::web
