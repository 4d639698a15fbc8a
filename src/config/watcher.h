#pragma once
// Hot reload: the last good configuration, and what is wrong with newer files.
#include <functional>
#include <mutex>

#include "config/config.h"

namespace lemmy::config {

enum class News { none, config, problems };

// Thread-safe; calls of poll() run one after another.
class Watcher {
 public:
  // `check` looks at what this room does not know, such as templates. What it finds anew is as a broken edit;
  // what it found in the first configuration that was read is told, and that is used: a slip of one project
  // shall not keep the others' server down, nor hold up their edits.
  explicit Watcher(std::filesystem::path dir, std::function<Problems(const Config&)> check = {});
  // Looks at the files' times, sizes and inodes, and reads them when any differs. `config`: current() is a
  // new one and problems() is empty. `problems`: problems() changed, current() did not. Blocks: not on the
  // loop. One that lost its access.yaml, after one with it was in use, counts as broken.
  News poll();
  std::shared_ptr<const Config> current() const;  // nullptr until a first good one was read
  Problems problems() const;                      // why the newest files are not in use
  Problems faults() const;                        // of `check`, in what is in use

 private:
  struct Seen {
    std::string print;   // every file's name, time, size and inode
    bool fresh = false;  // a file is so new that it may change again without a new time
  };
  Seen look() const;
  std::optional<Error> lost_access(const Config& now) const;  // lock_ is held

  const std::filesystem::path dir_;
  const std::function<Problems(const Config&)> check_;
  std::mutex polling_;
  std::string print_;  // of the files as last read; empty: read them again
  mutable std::mutex lock_;
  std::shared_ptr<const Config> current_;
  Problems problems_, faults_;
};

}  // namespace lemmy::config
