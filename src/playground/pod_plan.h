#pragma once
// Inside room playground: what the annotations of a pod ask of it. docs/playground.md lists them; they are
// those of tools/testcluster.
#include <optional>
#include <string>

#include "base/json.h"
#include "base/time.h"

namespace lemmy::playground {

struct Plan {
  std::string behave;               // "": well
  std::string unknown;              // a behaviour that there is not
  std::string container;            // which one misbehaves; empty: the first
  std::string message;              // instead of the one a cluster would show
  std::optional<std::string> logs;  // instead of invented lines
  int exit_code = 1;
  int crashes = 1 << 30;                      // then it runs well
  int only_pods = 0;                          // only the owner's first so many misbehave; 0: all
  milliseconds ready_after{0};                // from the pod's start
  bool timed = false;                         // ready_after is the annotation's
  milliseconds after{300};                    // how long it runs before it misbehaves
  std::optional<milliseconds> recover_after;  // troubles of image, configuration and scheduling end then
  milliseconds backoff{1000};  // the first one that is kept; the text says what a kubelet would keep
  milliseconds period{1000};
  milliseconds terminate_after{800};

  bool is(std::string_view what) const { return behave == what; }
};

// What cannot be read counts as absent.
Plan read_plan(const json::object& annotations, milliseconds ready_after);
// The load annotations, on a pod template or its controller: percent of one request.
std::optional<int> read_load(const json::object& annotations, std::string_view key);

}  // namespace lemmy::playground
