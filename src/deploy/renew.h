#pragma once
// Inside room deploy: workers that were ended, and those that come after them.
#include "async/task.h"

namespace lemmy::deploy {

// A group that was cancelled takes nobody any more, so there is a new one. Whoever of the old one has not
// ended yet (a write to a store that is away) ends in its own time, and is waited for with the new ones.
inline void renew(Group& group, asio::any_io_executor loop) {
  Group old = std::exchange(group, Group(loop));
  if (old.size() == 0) return;
  group.spawn("workers of before", [](Group g) -> Task<> {
    while (!co_await g.join(std::chrono::seconds{60})) {
    }
  }(std::move(old)));
}

inline bool was_cancelled(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& e) {
    return e.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

}  // namespace lemmy::deploy
