// The life of a container once its image is there: start, readiness, crash, back-off, start again.
#include <fmt/format.h>

#include "base/crypto.h"
#include "playground/pod_life.h"

namespace lemmy::playground {

void Pods::run(Life& life, Box& box) {
  const Plan& p = life.plan;
  bool bad = box.bad && box.restarts < p.crashes;
  tell(life, &box, "Normal", "Created", "Created container: " + box.name);
  if (box.state.contains("terminated")) box.last = box.state;
  box.previous = std::exchange(box.current, Instance{now(), {}, box.restarts, {}});
  box.id = "containerd://" + random_hex(32);
  if (bad && (p.is("start-error") || p.is("cannot-run"))) return cannot_start(life, box);
  tell(life, &box, "Normal", "Started", "Started container " + box.name);
  box.state = {{"running", {{"startedAt", stamp(now())}}}};
  publish(life);
  if (bad && (p.is("crash-loop") || p.is("oom"))) return later(life, box, p.after, &Pods::crash);
  if (bad && p.is("never-ready")) return later(life, box, p.period, &Pods::unhealthy);
  milliseconds wait = p.ready_after;
  if (world_.options.pace > 0 && box.restarts == 0)
    wait -= milliseconds(int64_t(double((now() - life.begun).count()) / world_.options.pace));
  // Pods of one controller do not become ready all at once.
  if (!p.timed) wait += milliseconds{int64_t(world_.random() % uint64_t(p.ready_after.count() / 2 + 1))};
  wait = std::max(wait, milliseconds{1});
  later(life, box, wait, &Pods::ready);
  if (!bad) return;
  if (p.is("crash-after") || p.is("liveness")) later(life, box, wait + p.after, &Pods::crash);
  if (p.is("evicted") || p.is("failed")) later(life, box, wait + p.after, &Pods::fail_pod);
  if (p.is("oscillate")) later(life, box, wait + p.period, &Pods::swing);
}

void Pods::ready(Life& life, Box& box) {
  if (box.ready || !box.state.contains("running")) return;
  box.ready = true;
  publish(life);
}

void Pods::unhealthy(Life& life, Box& box) {
  tell(life, &box, "Warning", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503");
  later(life, box, life.plan.period, &Pods::unhealthy);
}

void Pods::swing(Life& life, Box& box) {
  if (box.ready)
    tell(life, &box, "Warning", "Unhealthy",
         "Readiness probe failed: HTTP probe failed with statuscode: 503");
  box.ready = !box.ready;
  publish(life);
  later(life, box, life.plan.period, &Pods::swing);
}

void Pods::terminated(Box& box, int code, const char* reason, const std::string& message,
                      const char* ending) {
  box.ready = false;
  box.current->finished = now();
  box.current->ending = ending;
  json::object end{{"exitCode", code},
                   {"reason", reason},
                   {"startedAt", stamp(box.current->started)},
                   {"finishedAt", stamp(box.current->finished)},
                   {"containerID", box.id}};
  if (!message.empty()) end["message"] = message;
  box.state = {{"terminated", std::move(end)}};
}

void Pods::crash(Life& life, Box& box) {
  if (!box.state.contains("running")) return;
  const Plan& p = life.plan;
  if (p.is("liveness")) {
    tell(life, &box, "Warning", "Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500");
    tell(life, &box, "Normal", "Killing",
         fmt::format("Container {} failed liveness probe, will be restarted", box.name));
    terminated(box, 137, "Error", "", "killed");
  } else if (p.is("oom")) {
    terminated(box, 137, "OOMKilled", p.message, "oom");
  } else {
    terminated(box, p.exit_code, p.exit_code == 0 ? "Completed" : "Error", p.message, "crash");
  }
  publish(life);
  later(life, box, milliseconds{150}, &Pods::back_off);
}

void Pods::cannot_start(Life& life, Box& box) {
  bool start = life.plan.is("start-error");
  std::string why = life.plan.message;
  if (why.empty())
    why =
        start
            ? "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc "
              "create failed: unable to start container process: exec: \"/app/server\": stat /app/server: no "
              "such file or directory: unknown"
            : "OCI runtime create failed: container_linux.go:380: starting container process caused: exec: "
              "\"server\": executable file not found in $PATH: unknown";
  tell(life, &box, "Warning", "Failed", "Error: " + why);
  terminated(box, start ? 128 : 127, start ? "StartError" : "ContainerCannotRun", why, "never");
  box.state["terminated"].as_object()["startedAt"] = "1970-01-01T00:00:00Z";
  publish(life);
  later(life, box, milliseconds{400}, &Pods::back_off);
}

void Pods::fail_pod(Life& life, Box& box) {
  std::string why = life.plan.message;
  if (life.plan.is("evicted")) {
    if (why.empty())
      why = fmt::format(
          "The node was low on resource: memory. Threshold quantity: 100Mi, available: 71540Ki. Container {} "
          "was "
          "using 1843Mi, request is 256Mi, has larger consumption of memory. ",
          box.name);
    tell(life, nullptr, "Warning", "Evicted", why);
    tell(life, &box, "Normal", "Killing", "Stopping container " + box.name);
  }
  int code = life.plan.is("evicted") ? 137 : life.plan.exit_code;
  for (Box& b : life.boxes)
    if (b.state.contains("running")) terminated(b, code, "Error", "", "killed");
  life.failed = {{"message", why}};
  if (life.plan.is("evicted")) life.failed["reason"] = "Evicted";
  publish(life);
}

void Pods::back_off(Life& life, Box& box) {
  int crashes = box.restarts;  // a kubelet restarts the first time at once
  if (crashes == 0) return start_again(life, box);
  int step = std::min(crashes - 1, 8);
  auto told = std::min(seconds{10} * (1 << step), seconds{300});
  std::string id = fmt::format("{}_{}({})", life.key.second, life.key.first, life.uid);
  tell(life, &box, "Warning", "BackOff",
       fmt::format("Back-off restarting failed container {} in pod {}", box.name, id));
  wait(life, box, "CrashLoopBackOff",
       fmt::format("back-off {} restarting failed container={} pod={}",
                   told.count() < 60 ? fmt::format("{}s", told.count())
                                     : fmt::format("{}m{}s", told.count() / 60, told.count() % 60),
                   box.name, id));
  later(life, box, life.plan.backoff * std::min(1 << step, 16), &Pods::start_again);
}

void Pods::start_again(Life& life, Box& box) {
  ++box.restarts;
  tell(life, &box, "Normal", "Pulled",
       fmt::format("Container image \"{}\" already present on machine", box.image));
  run(life, box);
}

}  // namespace lemmy::playground
