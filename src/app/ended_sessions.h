#pragma once
// Sessions that somebody ended by signing out: cookies are signed and kept by nobody, so these are kept,
// until they would have ended by themselves. In the store, so that they hold after a restart and on every
// server. Loop thread only.
#include <map>
#include <string>

#include "base/time.h"
#include "store/store.h"

namespace lemmy::app {

class EndedSessions {
 public:
  explicit EndedSessions(store::Store* store) : store_(store) {}
  // It has ended from here on, whatever becomes of the write. Errors: those of the store; other servers, and
  // this one after a restart, do not know then.
  Task<Result<>> end(std::string id, Time expires);
  bool has(const std::string& id) const { return ended_.contains(id); }
  // What the store has of others; what is long over is let go.
  Task<Result<>> read();

 private:
  store::Store* store_;
  std::map<std::string, Time, std::less<>> ended_;
};

}  // namespace lemmy::app
