#include "live/feed.h"

#include <algorithm>
#include <map>

namespace lemmy::live {

struct Feed::State {
  struct Topic {
    uint64_t version = 0;
    std::vector<Signal*> watchers;
  };
  uint64_t version = 1, all = 1;
  std::map<std::string, Topic> topics;
};

Feed::Feed() : state_(std::make_shared<State>()) {}

void Feed::bump(const std::string& name) {
  State::Topic& topic = state_->topics[name];
  topic.version = state_->version;
  for (Signal* s : topic.watchers) s->notify();
}

void Feed::changed(const Target& target) {
  ++state_->version;
  bump("");
  bump(target.project);
  bump(target.str());
}

void Feed::changed_project(const std::string& project) {
  ++state_->version;
  bump("");
  bump(project);
}

void Feed::changed_all() {
  state_->all = ++state_->version;
  for (auto& [name, topic] : state_->topics)
    for (Signal* s : topic.watchers) s->notify();
}

uint64_t Feed::version(const std::string& topic) const {
  auto it = state_->topics.find(topic);
  return std::max(state_->all, it == state_->topics.end() ? 0 : it->second.version);
}

bool Feed::is_watched(const std::string& topic) const {
  auto it = state_->topics.find(topic);
  return it != state_->topics.end() && !it->second.watchers.empty();
}

Feed::Handle Feed::watch(const std::string& topic, Signal* signal) {
  state_->topics[topic].watchers.push_back(signal);
  return Handle(signal, [state = state_, topic](Signal* s) {
    auto it = state->topics.find(topic);
    auto& watchers = it->second.watchers;
    watchers.erase(std::ranges::find(watchers, s));
    // A name that only viewers know is not kept.
    if (watchers.empty() && it->second.version == 0) state->topics.erase(it);
  });
}

}  // namespace lemmy::live
