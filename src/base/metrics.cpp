#include "base/metrics.h"

#include <fmt/format.h>

#include <map>
#include <mutex>

namespace lemmy::metrics {
namespace {

struct Family {
  std::string help;
  bool counter = true;
  std::map<std::string, double> samples;  // by the labels as they are printed
};

struct Registry {
  std::mutex mutex;
  std::map<std::string, Family, std::less<>> families;
};

Registry& registry() {
  static Registry r;
  return r;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

std::string labels_text(std::initializer_list<Label> labels) {
  std::string out;
  for (const auto& [key, value] : labels)
    out += fmt::format("{}{}=\"{}\"", out.empty() ? "" : ",", key, escaped(value));
  return out.empty() ? out : "{" + out + "}";
}

double& sample(std::string_view name, std::string_view help, bool counter,
               std::initializer_list<Label> labels) {
  auto& families = registry().families;
  auto at = families.find(name);
  if (at == families.end())
    at = families.emplace(std::string(name), Family{std::string(help), counter, {}}).first;
  return at->second.samples[labels_text(labels)];
}

}  // namespace

void count(std::string_view name, std::string_view help, std::initializer_list<Label> labels, double by) {
  std::lock_guard lock(registry().mutex);
  sample(name, help, true, labels) += by;
}

void gauge(std::string_view name, std::string_view help, std::initializer_list<Label> labels, double value) {
  std::lock_guard lock(registry().mutex);
  sample(name, help, false, labels) = value;
}

void clear(std::string_view name) {
  std::lock_guard lock(registry().mutex);
  auto at = registry().families.find(name);
  if (at != registry().families.end()) at->second.samples.clear();
}

std::string text() {
  std::lock_guard lock(registry().mutex);
  std::string out;
  for (const auto& [name, family] : registry().families) {
    out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, family.help, name,
                       family.counter ? "counter" : "gauge");
    for (const auto& [labels, value] : family.samples) out += fmt::format("{}{} {}\n", name, labels, value);
  }
  return out;
}

}  // namespace lemmy::metrics
