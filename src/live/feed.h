#pragma once
// What changed, for those who watch. A change has a version that grows; a viewer waits for something newer
// than what it saw, and after a cut connection says where it was. Loop thread only.
#include <map>
#include <memory>
#include <string>

#include "async/task.h"
#include "domain/deploy.h"

namespace lemmy::live {

class Feed {
 public:
  explicit Feed(asio::any_io_executor loop);
  // Topics: one of everything, one a project, one a target. All three move on.
  void changed(const Target& target);
  void changed_project(const std::string& project);  // a build came
  void changed_all();                                // configuration, clusters

  // topic: "" everything, "hello" a project, "hello/staging" a target.
  uint64_t version(const std::string& topic) const;
  // True once version(topic) > since, false when the time ran out. Cancellation throws.
  Task<bool> wait(std::string topic, uint64_t since, milliseconds at_most);

  // Event ids that outlive a restart: "<boot>-<version>".
  std::string id(uint64_t version) const;
  // The version in such an id; 0 when it is of another boot or no id: the viewer gets everything anew.
  uint64_t version_of(std::string_view id) const;

 private:
  struct Topic {
    uint64_t version = 0;
    std::unique_ptr<Signal> signal;
  };
  void bump(const std::string& topic);
  asio::any_io_executor loop_;
  std::string boot_;
  uint64_t version_ = 1, all_ = 1;
  std::map<std::string, Topic> topics_;
};

}  // namespace lemmy::live
