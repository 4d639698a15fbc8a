#include "web/last_known.h"

#include <algorithm>

namespace lemmy::web {

void LastKnown::keep(const std::string& key, json::object data, Time at) {
  entries_[key] = {std::move(data), at, ++clock_};
  if (entries_.size() <= most_) return;
  entries_.erase(std::ranges::min_element(entries_, {}, [](const auto& e) { return e.second.used; }));
}

const LastKnown::Entry* LastKnown::find(const std::string& key) {
  auto it = entries_.find(key);
  if (it == entries_.end()) return nullptr;
  it->second.used = ++clock_;
  return &it->second;
}

}  // namespace lemmy::web
