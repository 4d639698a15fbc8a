#include "base/metrics.h"

#include <fmt/format.h>

#include <cmath>
#include <iterator>
#include <map>
#include <mutex>
#include <span>
#include <vector>

namespace lemmy::metrics {
namespace {

constexpr std::string_view kDropped = "lemmy_metrics_dropped_total";
constexpr double kCalls[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
constexpr double kWork[] = {1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600};

std::span<const double> bounds(Buckets b) {
  if (b == Buckets::work) return kWork;
  return kCalls;
}

enum class Kind { counter, gauge, histogram };
constexpr std::string_view kKinds[] = {"counter", "gauge", "histogram"};

struct Series {
  double value = 0;               // of a histogram: the sum
  std::vector<uint64_t> buckets;  // not cumulative; the last one is +Inf
};

struct Family {
  std::string help;
  Kind kind = Kind::counter;
  Buckets buckets = Buckets::calls;
  std::map<std::string, Series, std::less<>> series;  // by the labels as they are printed, without braces
};

struct Registry {
  std::mutex mutex;
  std::map<std::string, Family, std::less<>> families;
  Registry() {
    Family dropped{"Samples that broke a rule of the registry: a defect", Kind::counter, {}, {}};
    dropped.series.try_emplace("");
    families.emplace(kDropped, std::move(dropped));
  }
};

Registry& registry() {
  static Registry r;
  return r;
}

void add_escaped(std::string& out, std::string_view text, bool quotes) {
  for (char c : text) {
    if (c == '\\' || (quotes && c == '"')) out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
}

std::string labels_text(Labels labels) {
  std::string out;
  out.reserve(64);
  for (const auto& [key, value] : labels) {
    if (!out.empty()) out += ',';
    out += key;
    out += "=\"";
    add_escaped(out, value, true);
    out += '"';
  }
  return out;
}

std::string number(double v) {
  if (std::isnan(v)) return "NaN";
  if (std::isinf(v)) return v > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", v);
}

Family& family(std::string_view name, std::string_view help, Kind kind, Buckets buckets = Buckets::calls) {
  auto& families = registry().families;
  auto at = families.find(name);
  if (at == families.end())
    at = families.emplace(std::string(name), Family{std::string(help), kind, buckets, {}}).first;
  return at->second;
}

void drop() { registry().families.find(kDropped)->second.series[""].value += 1; }

// nullptr: dropped.
Series* series(Family& f, Kind kind, Labels labels, double value) {
  std::string key = labels_text(labels);
  auto at = f.series.find(key);
  if (f.kind != kind || !std::isfinite(value) || (at == f.series.end() && f.series.size() >= kSeries)) {
    drop();
    return nullptr;
  }
  if (at == f.series.end()) at = f.series.emplace(std::move(key), Series{}).first;
  return &at->second;
}

void add_histogram(std::string& out, std::string_view name, const Family& f, std::string_view labels,
                   const Series& s) {
  const auto limits = bounds(f.buckets);
  const std::string_view comma = labels.empty() ? "" : ",";
  const std::string braced = labels.empty() ? "" : fmt::format("{{{}}}", labels);
  auto to = std::back_inserter(out);
  uint64_t so_far = 0;
  for (size_t i = 0; i < s.buckets.size(); ++i) {
    so_far += s.buckets[i];
    fmt::format_to(to, "{}_bucket{{{}{}le=\"{}\"}} {}\n", name, labels, comma,
                   i < limits.size() ? number(limits[i]) : "+Inf", so_far);
  }
  fmt::format_to(to, "{0}_sum{1} {2}\n{0}_count{1} {3}\n", name, braced, number(s.value), so_far);
}

}  // namespace

void count(std::string_view name, std::string_view help, Labels labels, double by) {
  std::lock_guard lock(registry().mutex);
  if (Series* s = series(family(name, help, Kind::counter), Kind::counter, labels, by)) s->value += by;
}

void total(std::string_view name, std::string_view help, Labels labels, double value) {
  std::lock_guard lock(registry().mutex);
  if (Series* s = series(family(name, help, Kind::counter), Kind::counter, labels, value)) s->value = value;
}

void gauge(std::string_view name, std::string_view help, Labels labels, double value) {
  std::lock_guard lock(registry().mutex);
  if (Series* s = series(family(name, help, Kind::gauge), Kind::gauge, labels, value)) s->value = value;
}

void observe(std::string_view name, std::string_view help, Labels labels, double seconds, Buckets buckets) {
  std::lock_guard lock(registry().mutex);
  Family& f = family(name, help, Kind::histogram, buckets);
  Series* s = series(f, Kind::histogram, labels, seconds);
  if (!s) return;
  const auto limits = bounds(f.buckets);
  s->buckets.resize(limits.size() + 1);
  size_t i = 0;
  while (i < limits.size() && seconds > limits[i]) ++i;
  ++s->buckets[i];
  s->value += seconds;
}

void forget(std::string_view name, Labels labels) {
  std::lock_guard lock(registry().mutex);
  auto at = registry().families.find(name);
  if (at != registry().families.end()) at->second.series.erase(labels_text(labels));
}

void clear(std::string_view name) {
  std::lock_guard lock(registry().mutex);
  auto at = registry().families.find(name);
  if (at != registry().families.end()) at->second.series.clear();
}

std::string text() {
  std::lock_guard lock(registry().mutex);
  std::string out;
  for (const auto& [name, f] : registry().families) {
    if (f.series.empty()) continue;
    out += fmt::format("# HELP {} ", name);
    add_escaped(out, f.help, false);
    out += fmt::format("\n# TYPE {} {}\n", name, kKinds[static_cast<size_t>(f.kind)]);
    for (const auto& [labels, s] : f.series) {
      if (f.kind == Kind::histogram)
        add_histogram(out, name, f, labels, s);
      else if (labels.empty())
        out += fmt::format("{} {}\n", name, number(s.value));
      else
        out += fmt::format("{}{{{}}} {}\n", name, labels, number(s.value));
    }
  }
  return out;
}

}  // namespace lemmy::metrics
