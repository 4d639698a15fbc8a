#pragma once
// Counters and gauges for /metrics, in the Prometheus text format 0.0.4. Any thread; meant for what happens
// at most some thousand times a second. Labels must come from a small set: never from a caller's input.
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace lemmy::metrics {

using Label = std::pair<std::string_view, std::string>;

// Names end in _total by custom. `help` of the first call of a name is kept.
void count(std::string_view name, std::string_view help, std::initializer_list<Label> labels = {},
           double by = 1);
void gauge(std::string_view name, std::string_view help, std::initializer_list<Label> labels, double value);
// Forgets every sample of the name, before gauges are set anew.
void clear(std::string_view name);
std::string text();

}  // namespace lemmy::metrics
