#include "playground/pod_plan.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "playground/store.h"

namespace lemmy::playground {
namespace {

constexpr std::array<std::string_view, 16> kBehaviours{
    "crash-loop",         "crash-after",  "oom",        "liveness",     "image-not-found", "image-transient",
    "invalid-image-name", "config-error", "cache-sync", "start-error",  "cannot-run",      "never-ready",
    "oscillate",          "evicted",      "failed",     "unschedulable"};

std::string annotation(const json::object& all, std::string_view key) {
  return std::string(text_or(all, "lemmy.test/" + std::string(key)));
}
void number(const json::object& all, std::string_view key, int* out) {
  std::string text = annotation(all, key);
  std::from_chars(text.data(), text.data() + text.size(), *out);
}
bool duration(const json::object& all, std::string_view key, milliseconds* out) {
  auto d = parse_duration(annotation(all, key));
  if (d) *out = *d;
  return d.has_value();
}

}  // namespace

Plan read_plan(const json::object& all, milliseconds ready_after) {
  Plan p;
  p.behave = annotation(all, "behaviour");
  if (!p.behave.empty() && std::ranges::find(kBehaviours, std::string_view(p.behave)) == kBehaviours.end())
    std::swap(p.behave, p.unknown);
  p.container = annotation(all, "container");
  p.message = annotation(all, "message");
  if (all.contains("lemmy.test/logs")) p.logs = annotation(all, "logs");
  number(all, "exit-code", &p.exit_code);
  number(all, "crashes", &p.crashes);
  number(all, "only-pods", &p.only_pods);
  p.ready_after = ready_after;
  if (p.is("crash-after")) p.after = milliseconds{3000};
  if (p.is("liveness") || p.is("evicted") || p.is("failed")) p.after = milliseconds{1000};
  milliseconds recover{p.is("image-transient") ? 3000 : 2000};
  if (duration(all, "recover-after", &recover) || p.is("image-transient") || p.is("cache-sync"))
    p.recover_after = recover;
  p.timed = duration(all, "ready-after", &p.ready_after);
  duration(all, "after", &p.after);
  duration(all, "backoff", &p.backoff);
  duration(all, "period", &p.period);
  p.period = std::max(p.period, milliseconds{100});
  duration(all, "terminate-after", &p.terminate_after);
  return p;
}

std::optional<int> read_load(const json::object& all, std::string_view key) {
  int n = -1;
  number(all, key, &n);
  return n < 0 ? std::nullopt : std::optional(n);
}

}  // namespace lemmy::playground
