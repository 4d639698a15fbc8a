#pragma once
// Inside room kube: Kubernetes events beside the object that they are about. For explanation only, so they
// are bounded and kept small. Loop thread only.
#include <deque>
#include <memory>
#include <vector>

#include "kube/objects.h"

namespace lemmy::kube {

// Of one object, at most 40 of them: the oldest goes.
class Events {
 public:
  // True: there is one more than before. The same event again replaces it.
  bool put(const Event& event);
  bool remove(const Text& event_name);
  void remove_before(Time t);
  size_t size() const { return kept_ ? kept_->size() : 0; }
  std::vector<EventGroup> groups() const;
  void times(std::vector<Time>* out) const;

 private:
  struct One {
    uint64_t id = 0;  // a hash of its name
    Text reason, message;
    Time last{};
    int count = 1;
    bool is_warning = false;
  };
  std::unique_ptr<std::vector<One>> kept_;
};

}  // namespace lemmy::kube
