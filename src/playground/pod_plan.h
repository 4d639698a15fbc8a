#pragma once
// Inside room playground: what the annotations of a pod ask of it. docs/playground.md lists them.
#include <string>

#include "base/json.h"
#include "base/time.h"

namespace lemmy::playground {

struct Plan {
  std::string behave;     // "": well
  std::string container;  // which one misbehaves; empty: the first
  std::string message;    // instead of the one a cluster would show
  int exit_code = 1;
  int crashes = 1 << 30;             // then it runs well
  milliseconds ready_after{0};       // from the pod's start
  milliseconds after{400};           // until it crashes
  milliseconds recover_after{3000};  // image-transient
  milliseconds backoff{1000};        // the first one that is kept; the text says what a kubelet would keep
  bool timed = false;                // ready_after is the annotation's
};

// Annotations lemmy.test/behaviour, /container, /message, /exit-code, /crashes, /ready-after, /after,
// /recover-after, /backoff. What cannot be read counts as absent.
Plan read_plan(const json::object& annotations, milliseconds ready_after);

}  // namespace lemmy::playground
