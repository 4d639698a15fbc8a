#pragma once
// Faults of the simulated API server, for tests and demonstrations. Loop thread only.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "async/task.h"

namespace lemmy::playground {

class Faults {
 public:
  // Which requests: an empty part matches all; `watches_only`: nothing but watches. `times`: so many
  // requests, then the fault is over; negative: until clear().
  struct Match {
    std::string method;     // "PATCH"
    std::string path_part;  // "/replicationcontrollers"
    bool watches_only = false;
    int times = 1;
  };

  // Answers with this status and a Status object: 403, 409, 410, 429 (with Retry-After), 500, 503...
  void answer(int status, Match match, std::chrono::seconds retry_after = std::chrono::seconds{0},
              std::string message = "");
  void cut(Match match);                                    // closes the connection, without an answer
  void slow(std::chrono::milliseconds delay, Match match);  // answers late

  // Forgets the history: open watches get an ERROR event 410 Expired, and no older version can be resumed.
  void expire_watches();
  // Cuts every open watch and followed log in the middle of a line.
  void cut_streams();
  // Watches that are open now say nothing any more, and do not end; others are well. As behind a balancer
  // that forgot a connection.
  void silence_streams();
  // Nothing listens on the port until it is set back to false.
  void unreachable(bool is);
  void clear();  // no fault any more; reachable again

  // Inside the room: what is to happen to this request.
  struct Verdict {
    int status = 0;  // 0: go on
    bool cut = false;
    std::chrono::seconds retry_after{0};
    std::chrono::milliseconds delay{0};
    std::string message;
  };
  Verdict judge(const std::string& method, const std::string& path, bool watch);
  std::function<void()> on_expire, on_cut_streams, on_silence_streams;
  std::function<void(bool)> on_unreachable;

 private:
  struct Planned {
    Match match;
    Verdict verdict;
  };
  std::vector<Planned> planned_;
  bool unreachable_ = false;
};

}  // namespace lemmy::playground
