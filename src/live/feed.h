#pragma once
// What changed, for those who watch. Each change has a number that grows. Loop thread only.
#include <memory>
#include <string>

#include "async/task.h"
#include "domain/deploy.h"

namespace lemmy::live {

class Feed {
 public:
  Feed();
  // Topics: one of everything, one a project, one a target. All three move on.
  void changed(const Target& target);
  void changed_project(const std::string& project);  // a build came
  void changed_all();                                // configuration, clusters

  // topic: "" everything, "hello" a project, "hello/staging" a target.
  uint64_t version(const std::string& topic) const;
  bool is_watched(const std::string& topic) const;
  // A topic that moves with changed_all() only.
  static constexpr const char* kAllOnly = "*";

  // `signal` is notified at each change of the topic until the handle goes, and outlives it. The handle may
  // outlive the feed.
  using Handle = std::shared_ptr<void>;
  Handle watch(const std::string& topic, Signal* signal);

 private:
  struct State;
  void bump(const std::string& topic);
  std::shared_ptr<State> state_;
};

}  // namespace lemmy::live
