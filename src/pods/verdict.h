#pragma once
// What a deploy's pods say about it: which faults are fatal, which only explain. Pure.
// The rules come from what kubelets report and from how krane and Samson read it; docs/verdicts.md lists
// them.
#include <optional>
#include <vector>

#include "kube/objects.h"

namespace lemmy::pods {

// Why this pod cannot become ready by itself; nullopt: it is ready, or may still become so.
std::optional<Cause> fatal_cause(const kube::Pod& pod);

// What holds this pod up without condemning it: unschedulable, a registry that does not answer, not ready
// yet.
std::optional<Cause> waiting_cause(const kube::Pod& pod);

struct Verdict {
  int pods = 0, ready = 0, fatal = 0;
  bool failed = false;       // there are pods, every one is fatal, and none may yet start
  bool may_be_made = false;  // what one of them lacks is configuration that somebody may be about to make
  std::optional<Cause>
      cause;  // the first fatal one, else the first that waits, else what the controller says
};

// Pods that are being deleted do not count. `controller` may be null: it has not been seen yet. crash_loops:
// a container that was started again less often may still come to run.
Verdict judge(const std::vector<const kube::Pod*>& pods, const kube::Controller* controller,
              int crash_loops = 0);

}  // namespace lemmy::pods
