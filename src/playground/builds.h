#pragma once
// Invented builds for the playground: some at once, as if pushed over the last days, then one each few
// seconds. Deterministic with a seed, apart from the times. Loop thread only.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/json.h"

namespace lemmy::playground {

struct BuildsOptions {
  std::vector<std::string> projects;
  int at_start = 4;                         // for each project, oldest first
  std::chrono::milliseconds every{20'000};  // then; zero: none
  uint64_t seed = 1;
};

class Builds {
 public:
  // {project, sha (40 hex digits), branch, url, author, message, pushed_at (RFC 3339)}
  using Sink = std::function<Task<>(json::object build)>;

  Builds(asio::any_io_executor executor, BuildsOptions options, Sink sink);
  ~Builds();
  void start();  // the sink is called one build at a time, each only after the one before has ended
  Task<> stop();

  // The next build of a project, without a loop. `age`: how long ago it was pushed.
  json::object invent(const std::string& project, std::chrono::milliseconds age);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace lemmy::playground
