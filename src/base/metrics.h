#pragma once
// Counters, gauges and histograms for /metrics, in the Prometheus text format 0.0.4. Any thread; about a
// microsecond a call. Names have base units (_seconds, _bytes) and counters end in _total; help, kind and
// buckets of a name's first call are kept. Labels must come from a small set: never from a caller's input. A
// name keeps at most kSeries label sets: what goes beyond, is not finite, or uses a name as another kind is
// dropped and counted in lemmy_metrics_dropped_total.
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace lemmy::metrics {

using Label = std::pair<std::string_view, std::string>;
using Labels = std::initializer_list<Label>;

inline constexpr size_t kSeries = 2000;

// Upper bounds in seconds. calls: 0.5 ms to 10 s. work: 1 s to 1 h.
enum class Buckets { calls, work };

// by 0 makes the series appear, so that its first increase is seen as one.
void count(std::string_view name, std::string_view help, Labels labels = {}, double by = 1);
// A counter that is counted elsewhere: sets it.
void total(std::string_view name, std::string_view help, Labels labels, double value);
void gauge(std::string_view name, std::string_view help, Labels labels, double value);
void observe(std::string_view name, std::string_view help, Labels labels, double seconds, Buckets buckets);
void forget(std::string_view name, Labels labels);  // one series
void clear(std::string_view name);                  // every series of the name, before gauges are set anew
std::string text();

}  // namespace lemmy::metrics
