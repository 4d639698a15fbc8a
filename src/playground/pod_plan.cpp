#include "playground/pod_plan.h"

#include <charconv>

#include "playground/store.h"

namespace lemmy::playground {
namespace {

std::string_view annotation(const json::object& all, std::string_view key) {
  // The second prefix is the one of tools/testcluster, so that one manifest serves both.
  for (std::string prefix : {"lemmy.test/", "testcluster.lemmy.dev/"})
    if (auto v = text_or(all, prefix + std::string(key)); !v.empty()) return v;
  return {};
}

void number(const json::object& all, std::string_view key, int* out) {
  auto text = annotation(all, key);
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
  p.behave = std::string(annotation(all, "behaviour"));
  if (p.behave.empty()) p.behave = std::string(annotation(all, "behave"));
  p.container = std::string(annotation(all, "container"));
  p.message = std::string(annotation(all, "message"));
  number(all, "exit-code", &p.exit_code);
  number(all, "crashes", &p.crashes);
  p.ready_after = ready_after;
  if (p.behave == "crash-after") p.after = milliseconds{3000};
  p.timed = duration(all, "ready-after", &p.ready_after);
  duration(all, "after", &p.after);
  duration(all, "recover-after", &p.recover_after);
  duration(all, "backoff", &p.backoff);
  return p;
}

}  // namespace lemmy::playground
