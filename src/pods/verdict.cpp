#include "pods/verdict.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace lemmy::pods {
namespace {

using Kind = kube::ContainerState::Kind;

bool contains(const std::string& text, std::string_view part) {
  return lower(text).find(part) != std::string::npos;
}

// The registry was asked and said no; anything else may pass.
bool image_refused(const std::string& message) {
  for (auto word : {"not found", "manifest unknown", "does not exist", "denied", "unauthorized", "forbidden"})
    if (contains(message, word)) return true;
  return false;
}

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
  if (s.kind == Kind::waiting && s.reason == "CrashLoopBackOff") {
    bool memory = end && end->reason == "OOMKilled";
    Cause cause =
        about(pod, c, s.reason, s.message, end ? std::optional(end->exit_code) : std::nullopt,
              memory ? "it needs more memory than its limit: raise resources.limits.memory, or mend a leak"
                     : "its log says why it ends");
    if (memory) cause.summary += ", OOMKilled";
    return cause;
  }
  if (s.kind == Kind::waiting && (s.reason == "ErrImagePull" || s.reason == "ImagePullBackOff") &&
      image_refused(s.message))
    return about(pod, c, s.reason, s.message, {}, "is " + c.image + " pushed, and may the cluster pull it?");
  if (s.kind == Kind::waiting && s.reason == "InvalidImageName")
    return about(pod, c, s.reason, s.message, {},
                 "'" + c.image + "' is not an image reference: look at the template");
  if (s.kind == Kind::waiting && s.reason == "CreateContainerConfigError" &&
      !contains(s.message, "failed to sync"))
    return about(pod, c, s.reason, s.message, {},
                 "make the Secret or ConfigMap that it names, or that key in it");
  for (auto* state : {&s, end})
    if (state && (state->reason == "ContainerCannotRun" || state->reason == "StartError") &&
        state->exit_code != 128 && state->kind == Kind::terminated)
      return about(pod, c, state->reason, state->message, state->exit_code,
                   "the command cannot be run: does it exist?");
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

Verdict judge(const std::vector<const kube::Pod*>& pods, const kube::ReplicationController* rc) {
  Verdict v;
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
    if (auto c = fatal_cause(*pod)) {
      ++v.fatal;
      if (!fatal) fatal = std::move(c);
    } else if (!waiting) {
      waiting = waiting_cause(*pod);
    }
  }
  v.failed = v.pods > 0 && v.fatal == v.pods;
  v.cause = fatal ? fatal : waiting ? waiting : v.ready < (rc ? rc->wanted : 1) ? refused : std::nullopt;
  if (!v.cause && rc && !rc->failure.empty()) {
    Cause c;
    c.reason = "FailedCreate";
    c.message = rc->failure;
    bool quota = contains(rc->failure, "exceeded quota");
    c.summary =
        quota ? "the namespace's quota does not allow more pods" : "the cluster refuses to create pods";
    c.hint = quota ? "zero or delete an older deploy, or raise the ResourceQuota" : "";
    v.cause = std::move(c);
  }
  return v;
}

}  // namespace lemmy::pods
