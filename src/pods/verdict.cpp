#include "pods/verdict.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "pods/words.h"

namespace lemmy::pods {
namespace {

using Kind = kube::ContainerState::Kind;
constexpr const char *kCrashLoop = "CrashLoopBackOff", *kConfigError = "CreateContainerConfigError";

Cause about(const kube::Pod& pod, const kube::Container& c, std::string reason, std::string message,
            std::optional<int> exit_code, std::string hint) {
  Cause out;
  out.pod = pod.meta.name;
  out.container = c.name;
  out.exit_code = exit_code;
  out.message = std::move(message);
  out.hint = std::move(hint);
  out.summary = fmt::format("container {}: {}", c.name, reason);
  if (exit_code) out.summary += fmt::format(", exit code {}", *exit_code);
  out.reason = std::move(reason);
  return out;
}

std::optional<Cause> fatal_container(const kube::Pod& pod, const kube::Container& c) {
  const kube::ContainerState& s = c.state;
  // How it ended: now, or before the back-off.
  const kube::ContainerState* end = s.kind == Kind::terminated ? &s : c.last ? &*c.last : nullptr;
  if (s.kind == Kind::waiting && s.reason == kCrashLoop) {
    bool memory = end && end->reason == "OOMKilled";
    Cause cause =
        about(pod, c, s.reason, s.message, end ? std::optional(end->exit_code) : std::nullopt,
              memory ? "it needs more memory than its limit: raise resources.limits.memory, or mend a leak"
                     : "its log says why it ends");
    if (memory) cause.summary += ", OOMKilled";
    return cause;
  }
  if (s.kind == Kind::waiting && (s.reason == "ErrImagePull" || s.reason == "ImagePullBackOff") &&
      image_refused(s.message, c.image))
    return about(pod, c, s.reason, s.message, {}, "is " + c.image + " pushed, and may the cluster pull it?");
  if (s.kind == Kind::waiting && s.reason == "ErrImageNeverPull")
    return about(pod, c, s.reason, s.message, {},
                 "imagePullPolicy is Never, and the node does not have " + c.image);
  if (s.kind == Kind::waiting && s.reason == "InvalidImageName")
    return about(pod, c, s.reason, s.message, {},
                 "'" + c.image + "' is not an image reference: look at the template");
  if (s.kind == Kind::waiting && s.reason == kConfigError && !cache_is_late(s.message))
    return about(pod, c, s.reason, s.message, {},
                 may_be_made(s.message) ? "make the Secret or ConfigMap that it names, or that key in it"
                                        : "what the template asks of the container cannot be given to it");
  if (s.kind == Kind::waiting && s.reason == "RunContainerError" && command_refused(s.message))
    return about(pod, c, s.reason, s.message, {}, "the command cannot be run: does it exist in the image?");
  // 128 alone may pass: https://github.com/kubernetes/kubernetes/issues/57291
  for (auto* state : {&s, end})
    if (state && (state->reason == "ContainerCannotRun" || state->reason == "StartError") &&
        state->kind == Kind::terminated && (state->exit_code != 128 || command_refused(state->message)))
      return about(pod, c, state->reason, state->message, state->exit_code,
                   "the command cannot be run: does it exist in the image?");
  return std::nullopt;
}

// The kubelet refused it (OutOfcpu, NodeAffinity, UnexpectedAdmissionError ...), or node or scheduler took it
// away (Evicted, NodeShutdown, Preempting): of a pod that restarts its containers, that is never the build's
// doing.
bool is_over(const kube::Pod& pod) { return pod.phase == "Failed" || pod.phase == "Succeeded"; }

}  // namespace

std::optional<Cause> fatal_cause(const kube::Pod& pod) {
  if (pod.ready) return std::nullopt;
  if (is_over(pod)) return std::nullopt;  // its controller makes another
  for (const kube::Container& c : pod.containers)
    if (auto cause = fatal_container(pod, c)) return cause;
  return std::nullopt;
}

std::optional<Cause> waiting_cause(const kube::Pod& pod) {
  if (pod.ready) return std::nullopt;
  if (is_over(pod)) {
    Cause c;
    c.pod = pod.meta.name;
    c.reason = pod.reason.empty() ? "Failed" : pod.reason;
    c.message = pod.message;
    c.summary = "a pod was refused or taken away: " + c.reason;
    c.hint = "its controller makes another; kubectl describe node tells what the node has";
    return c;
  }
  if (!pod.unschedulable.empty()) {
    Cause c;
    c.pod = pod.meta.name;
    c.reason = "Unschedulable";
    c.message = pod.unschedulable;
    c.summary = "no node takes the pod";
    c.hint = "lower resources.requests, or add nodes";
    return c;
  }
  for (const kube::Container& c : pod.containers) {
    if (c.ready) continue;
    if (c.state.kind == Kind::waiting && !c.state.reason.empty() && c.state.reason != "ContainerCreating" &&
        c.state.reason != "PodInitializing")
      return about(pod, c, c.state.reason, c.state.message, {}, "");
    if (c.state.kind == Kind::running && !c.init)
      return about(pod, c, "NotReady", "it runs, but its readiness probe does not pass", {},
                   "look at the probe and the log");
  }
  return std::nullopt;
}

namespace {

// What is wrong with a pod that does not run: what nothing will end, before what may pass.
struct Fault {
  Cause cause;
  bool final = false;        // of a container that can never start
  bool may_start = false;    // restarts may end it: what it needs to start comes a little later
  bool may_be_made = false;  // configuration is missing
};

std::optional<Fault> fault_of(const kube::Pod& pod, int crash_loops) {
  if (pod.ready || is_over(pod)) return std::nullopt;
  std::optional<Fault> out;
  for (const kube::Container& c : pod.containers) {
    auto cause = fatal_container(pod, c);
    if (!cause) continue;
    const bool starts = cause->reason == kCrashLoop && c.restarts < crash_loops;
    const bool made = cause->reason == kConfigError && may_be_made(cause->message);
    const bool final = !starts && !made;
    if (!out || (final && !out->final)) {
      const Fault before = out.value_or(Fault{});
      out = Fault{std::move(*cause), final, before.may_start, before.may_be_made};
    }
    out->may_start = out->may_start || starts;
    out->may_be_made = out->may_be_made || made;
  }
  if (out && out->final) out->may_start = out->may_be_made = false;
  return out;
}

}  // namespace

Verdict judge(const std::vector<const kube::Pod*>& pods, const kube::Controller* controller,
              int crash_loops) {
  Verdict v;
  int patient = 0;
  std::optional<Cause> fatal, waiting;
  std::optional<Cause> refused;
  for (const kube::Pod* pod : pods) {
    if (pod->meta.deleting) continue;
    // A controller does not count them either.
    if (is_over(*pod)) {
      if (!refused) refused = waiting_cause(*pod);
      continue;
    }
    ++v.pods;
    v.ready += pod->ready;
    if (auto f = fault_of(*pod, crash_loops)) {
      ++v.fatal;
      patient += f->may_start;
      v.may_be_made = v.may_be_made || f->may_be_made;
      if (!fatal) fatal = std::move(f->cause);
    } else if (!waiting) {
      waiting = waiting_cause(*pod);
    }
  }
  v.failed = v.pods > 0 && v.fatal == v.pods && patient == 0;
  v.cause = fatal                                             ? fatal
            : waiting                                         ? waiting
            : v.ready < (controller ? controller->wanted : 1) ? refused
                                                              : std::nullopt;
  if (!v.cause && controller && !controller->failure.empty()) {
    Cause c;
    c.reason = "FailedCreate";
    c.message = controller->failure;
    bool quota = lower(controller->failure).contains("exceeded quota");
    c.summary =
        quota ? "the namespace's quota does not allow more pods" : "the cluster refuses to create pods";
    c.hint = quota ? "zero or delete an older deploy, or raise the ResourceQuota" : "";
    v.cause = std::move(c);
  }
  return v;
}

}  // namespace lemmy::pods
