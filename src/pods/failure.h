#pragma once
// Why a deploy failed, for people: its pods by the role they play in it, and their logs. docs/failures.md
// describes the shape.
#include "async/task.h"
#include "pods/picture.h"

namespace lemmy::pods {

// {"pods", "ready", "roles": [{"summary", "reason", "container", "exit_code"|null, "message", "hint",
// "fatal",
//   "pods", "sample": an item of "pods" of live/board.h without "age", "logs": []}] (at most 5),
//  "roles_left_out"}
// Pure. `first` as for roles().
json::object pods_now(const std::vector<const kube::Pod*>& pods, const std::string& first);

// What people read of a log: all of it when it has at most 50 lines, else the first and last 25.
struct Excerpt {
  std::string first, last;
  bool whole = false;
};
// `begin`: the log's beginning; `complete`: it is all of it. `end`: its last lines, when it is not.
Excerpt excerpt_of(const std::string& begin, bool complete, const std::string& end);

// Adds to each role of pods_now() the logs of its sample's container: [{"previous", "first", "last",
// "whole"}]; of one that restarted those of before. At most `limit` in all; what did not come is left out.
Task<> add_logs(kube::Client* client, std::string ns, json::object* pods, milliseconds limit);

}  // namespace lemmy::pods
