#include <fmt/format.h>

#include "base/strings.h"
#include "playground/pod_life.h"

namespace lemmy::playground {
namespace {

json::object condition(Life& life, const char* type, bool is, const char* reason = "",
                       const std::string& message = "") {
  json::object& known = make_sub(life.since, type);
  const char* status = is ? "True" : "False";
  if (text_or(known, "status") != status) known = {{"status", status}, {"at", stamp(now())}};
  json::object o{
      {"type", type}, {"status", status}, {"lastProbeTime", nullptr}, {"lastTransitionTime", known["at"]}};
  if (*reason) o["reason"] = reason;
  if (!message.empty()) o["message"] = message;
  return o;
}

json::object container(const Box& b) {
  json::object o{{"name", b.name},       {"state", b.state},           {"lastState", b.last},
                 {"ready", b.ready},     {"restartCount", b.restarts}, {"image", b.image},
                 {"imageID", b.image_id}};
  if (!b.id.empty()) o["containerID"] = b.id;
  o["started"] = b.state.contains("running");
  return o;
}

}  // namespace

bool pod_is_ready(const Object& pod) {
  for (const json::value& v : list_in(pod.part("status"), "conditions"))
    if (v.is_object() && text_or(v.get_object(), "type") == "Ready")
      return text_or(v.get_object(), "status") == "True";
  return false;
}

json::object pod_status(Life& life) {
  json::object status{{"phase", "Pending"}};
  if (life.node.empty()) {
    status["conditions"] =
        json::array{condition(life, "PodScheduled", false, "Unschedulable", life.unschedulable)};
    status["qosClass"] = "Burstable";
    return status;
  }
  std::string unready;
  bool fresh = false;
  json::array containers, init;
  for (const Box& b : life.boxes) {
    if (!b.ready) unready += (unready.empty() ? "" : " ") + b.name;
    fresh = fresh || (b.state.contains("waiting") && b.last.empty());
    containers.push_back(container(b));
  }
  std::string begun = stamp(life.begun);
  for (const auto& [name, image] : life.init)
    init.push_back(
        {{"name", name},
         {"state",
          {{"terminated",
            {{"exitCode", 0}, {"reason", "Completed"}, {"startedAt", begun}, {"finishedAt", begun}}}}},
         {"lastState", json::object{}},
         {"ready", true},
         {"restartCount", 0},
         {"image", image},
         {"imageID", ""},
         {"started", false}});
  if (!fresh) status["phase"] = "Running";
  bool ready = unready.empty(), failed = !life.failed.empty();
  if (failed) {
    status["phase"] = "Failed";
    for (const auto& [k, v] : life.failed)
      if (v != "") status[k] = v;
  }
  const char* why = ready ? "" : failed ? "PodFailed" : "ContainersNotReady";
  std::string message = ready || failed ? "" : fmt::format("containers with unready status: [{}]", unready);
  status["conditions"] = json::array{
      condition(life, "PodReadyToStartContainers", true), condition(life, "Initialized", true),
      condition(life, "Ready", ready, why, message), condition(life, "ContainersReady", ready, why, message),
      condition(life, "PodScheduled", true)};
  status["hostIP"] = "127.0.0.1";
  status["podIP"] = life.ip;
  status["podIPs"] = json::array{json::object{{"ip", life.ip}}};
  status["startTime"] = begun;
  if (!init.empty()) status["initContainerStatuses"] = std::move(init);
  status["containerStatuses"] = std::move(containers);
  status["qosClass"] = "Burstable";
  return status;
}

namespace {

std::string lines_of(const Life& life, const Instance& run, bool timestamps) {
  std::string out;
  if (run.ending == "never") return out;
  auto line = [&](Time at, std::string_view text) {
    out += (timestamps ? format_time(at) + " " : "") + std::string(text) + "\n";
  };
  auto info = [&](Time at, std::string_view text) {
    line(at, fmt::format("time={} level=INFO msg={}", format_time(at), text));
  };
  Time t = run.started;
  if (life.plan.logs) {
    for (auto text : split(*life.plan.logs, '\n')) line(t, text);
    return out;
  }
  info(t,
       fmt::format("\"starting\" service={} build={} go=go1.25.3",
                   life.project.empty() ? "app" : life.project, life.build.empty() ? "unknown" : life.build));
  info(t + milliseconds{12}, "\"configuration loaded\" source=environment");
  Time end = run.ending.empty() ? now() : run.finished;
  if (run.ending == "crash" && life.plan.is("crash-loop")) {
    if (life.plan.exit_code == 2) {
      line(end, "panic: runtime error: invalid memory address or nil pointer dereference");
      line(end, "[signal SIGSEGV: segmentation violation code=0x1 addr=0x18 pc=0x7f3a21]");
      line(end, "");
      line(end, "goroutine 1 [running]:");
      line(end, "main.(*Server).routes(0x0)");
      line(end, "\t/src/cmd/server/routes.go:41 +0x21");
      line(end, "main.main()");
      line(end, "\t/src/cmd/server/main.go:63 +0x4d8");
    } else {
      line(end, fmt::format("time={} level=ERROR msg=\"cannot start\" error=\"missing DATABASE_URL\"",
                            format_time(end)));
    }
    return out;
  }
  for (auto [ms, text] : {std::pair{40, "\"gRPC gateway listening\" addr=:80"},
                          std::pair{41, "\"REST gateway listening\" addr=:8080"},
                          std::pair{42, "\"debug listening\" addr=:9090"}})
    if (t + milliseconds{ms} <= end) info(t + milliseconds{ms}, text);
  auto beats = (end - t) / seconds{5};
  for (int64_t i = std::max<int64_t>(1, beats - 500); i <= beats; ++i)
    info(t + seconds{5} * i,
         fmt::format("\"served\" requests={} p99_ms={}", 40 + i * 7919 % 60, 8 + i * 31 % 17));
  if (run.ending == "crash") line(end, "panic: cannot reach the database: dial tcp: connection refused");
  if (run.ending == "oom") info(end, "\"cache grows\" entries=1048576 heap_mb=126");
  return out;
}

}  // namespace

Answer<std::string> pod_log(const Object& pod, const Life* life, const std::string& wanted, bool previous,
                            bool timestamps) {
  if (!life || life->boxes.empty()) return std::string();
  const Box* box = nullptr;
  std::string names;
  for (const Box& b : life->boxes) {
    names += (names.empty() ? "" : " ") + b.name;
    if (b.name == wanted || (wanted.empty() && life->boxes.size() == 1)) box = &b;
  }
  if (wanted.empty() && !box)
    return refuse(bad_request(
        fmt::format("a container name must be specified for pod {}, choose one of: [{}]", pod.name, names)));
  for (const auto& [name, image] : life->init)
    if (name == wanted) return std::string();
  if (!box) return refuse(bad_request(fmt::format("container {} is not valid for pod {}", wanted, pod.name)));
  if (life->node.empty())
    return refuse(bad_request(fmt::format("pod {} does not have a host assigned", pod.name)));
  const json::object& waiting = sub(box->state, "waiting");
  // While it waits to start again, the current log is the one of the run that ended.
  const std::optional<Instance>& run =
      previous && box->current && box->current->ending.empty() ? box->previous : box->current;
  if (previous && (!run || run->ending.empty()))
    return refuse(bad_request(
        fmt::format("previous terminated container \"{}\" in pod \"{}\" not found", box->name, pod.name)));
  if (!run) {
    std::string reason(text_or(waiting, "reason"));
    bool image = reason == "ErrImagePull" || reason == "ImagePullBackOff";
    return refuse(bad_request(fmt::format("container \"{}\" in pod \"{}\" is waiting to start: {}", box->name,
                                          pod.name, image ? "trying and failing to pull image" : reason)));
  }
  return lines_of(*life, *run, timestamps);
}

}  // namespace lemmy::playground
