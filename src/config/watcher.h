#pragma once
// Hot reload: the last good configuration, and what is wrong with newer files.
#include <mutex>

#include "config/config.h"

namespace lemmy::config {

enum class News { none, config, problems };

// Thread-safe; calls of poll() run one after another.
class Watcher {
 public:
  explicit Watcher(std::filesystem::path dir);
  // Looks at the files' times, sizes and inodes, and reads them when any differs. `config`: current() is a
  // new one and problems() is empty. `problems`: problems() changed, current() did not. Blocks: not on the
  // loop.
  News poll();
  std::shared_ptr<const Config> current() const;  // nullptr until a first good one was read
  Problems problems() const;                      // why the newest files are not in use

 private:
  struct Seen {
    std::string print;   // every file's name, time, size and inode
    bool fresh = false;  // a file is so new that it may change again without a new time
  };
  Seen look() const;

  const std::filesystem::path dir_;
  std::mutex polling_;
  std::string print_;  // of the files as last read; empty: read them again
  mutable std::mutex lock_;
  std::shared_ptr<const Config> current_;
  Problems problems_;
};

}  // namespace lemmy::config
