#include "base/metrics.h"

#include <gmock/gmock.h>

#include <limits>

#include "base/process_metrics.h"

namespace lemmy::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;

// The lines of one name, comments too, in the order they are printed.
std::string of(const std::string& name) {
  std::string out, all = text();
  for (size_t at = 0; at < all.size();) {
    size_t end = all.find('\n', at);
    std::string line = all.substr(at, end - at);
    std::string_view rest = line;
    for (std::string_view comment : {"# HELP ", "# TYPE "})
      if (rest.starts_with(comment)) rest.remove_prefix(comment.size());
    if (rest.starts_with(name)) out += line + "\n";
    at = end + 1;
  }
  return out;
}

TEST(Metrics, a_histogram_prints_cumulative_buckets_up_to_inf_then_sum_and_count) {
  for (double v : {0.0004, 0.0005, 0.3, 99.0})
    observe("t_wait_seconds", "Waits", {{"op", "a"}}, v, Buckets::calls);
  EXPECT_EQ(of("t_wait_seconds"), R"(# HELP t_wait_seconds Waits
# TYPE t_wait_seconds histogram
t_wait_seconds_bucket{op="a",le="0.0005"} 2
t_wait_seconds_bucket{op="a",le="0.001"} 2
t_wait_seconds_bucket{op="a",le="0.0025"} 2
t_wait_seconds_bucket{op="a",le="0.005"} 2
t_wait_seconds_bucket{op="a",le="0.01"} 2
t_wait_seconds_bucket{op="a",le="0.025"} 2
t_wait_seconds_bucket{op="a",le="0.05"} 2
t_wait_seconds_bucket{op="a",le="0.1"} 2
t_wait_seconds_bucket{op="a",le="0.25"} 2
t_wait_seconds_bucket{op="a",le="0.5"} 3
t_wait_seconds_bucket{op="a",le="1"} 3
t_wait_seconds_bucket{op="a",le="2.5"} 3
t_wait_seconds_bucket{op="a",le="5"} 3
t_wait_seconds_bucket{op="a",le="10"} 3
t_wait_seconds_bucket{op="a",le="+Inf"} 4
t_wait_seconds_sum{op="a"} 99.3009
t_wait_seconds_count{op="a"} 4
)");
}

TEST(Metrics, a_histogram_without_labels_has_le_alone) {
  observe("t_plain_seconds", "Plain", {}, 3600, Buckets::work);
  const std::string lines = of("t_plain_seconds");
  EXPECT_THAT(lines,
              HasSubstr("t_plain_seconds_bucket{le=\"1800\"} 0\nt_plain_seconds_bucket{le=\"3600\"} 1\n"));
  EXPECT_THAT(lines, HasSubstr("\nt_plain_seconds_sum 3600\nt_plain_seconds_count 1\n"));
}

TEST(Metrics, label_values_and_help_are_escaped) {
  gauge("t_odd", "one\\two\n\"three\"", {{"a", "x\"y\\z\nw"}, {"b", "é"}}, 1.5);
  EXPECT_EQ(of("t_odd"),
            "# HELP t_odd one\\\\two\\n\"three\"\n# TYPE t_odd gauge\n"
            "t_odd{a=\"x\\\"y\\\\z\\nw\",b=\"é\"} 1.5\n");
}

TEST(Metrics, counters_add_totals_and_gauges_are_set_and_series_stand_in_order) {
  count("t_calls_total", "Calls", {{"v", "b"}}, 0);
  count("t_calls_total", "Calls", {{"v", "a"}});
  count("t_calls_total", "other help", {{"v", "a"}}, 2);
  EXPECT_EQ(of("t_calls_total"),
            "# HELP t_calls_total Calls\n# TYPE t_calls_total counter\nt_calls_total{v=\"a\"} 3\n"
            "t_calls_total{v=\"b\"} 0\n");
  total("t_set_total", "Set", {}, 5);
  total("t_set_total", "Set", {}, 7);
  EXPECT_THAT(of("t_set_total"), HasSubstr("# TYPE t_set_total counter\nt_set_total 7\n"));
}

TEST(Metrics, what_is_forgotten_is_not_printed_and_a_name_without_series_has_no_comments) {
  gauge("t_gone", "Gone", {{"c", "1"}}, 1);
  gauge("t_gone", "Gone", {{"c", "2"}}, 2);
  forget("t_gone", {{"c", "1"}});
  forget("t_never", {{"c", "1"}});
  EXPECT_THAT(of("t_gone"), Not(HasSubstr("c=\"1\"")));
  EXPECT_THAT(of("t_gone"), HasSubstr("c=\"2\""));
  clear("t_gone");
  EXPECT_EQ(of("t_gone"), "");
}

TEST(Metrics, what_breaks_a_rule_is_dropped_and_counted) {
  auto dropped = [] {
    const std::string lines = of("lemmy_metrics_dropped_total");
    return lines.empty() ? 0 : std::stoi(lines.substr(lines.rfind(' ')));
  };
  const int before = dropped();
  gauge("t_kind", "A gauge", {}, 1);
  count("t_kind", "as a counter");
  observe("t_nan_seconds", "Not a number", {}, std::numeric_limits<double>::quiet_NaN(), Buckets::calls);
  EXPECT_EQ(dropped(), before + 2);
  EXPECT_EQ(of("t_nan_seconds"), "");
  for (size_t i = 0; i < kSeries + 3; ++i) gauge("t_many", "Many", {{"i", std::to_string(i)}}, 1);
  EXPECT_EQ(dropped(), before + 5);
  gauge("t_many", "Many", {{"i", "0"}}, 2);  // one that is there goes on
  EXPECT_EQ(dropped(), before + 5);
  clear("t_many");
}

TEST(Metrics, the_process_tells_memory_files_and_time) {
  set_process();
  for (const char* name :
       {"process_cpu_seconds_total", "process_virtual_memory_bytes", "process_resident_memory_bytes",
        "process_start_time_seconds", "process_open_fds", "process_max_fds"})
    EXPECT_NE(of(name), "") << name;
  const std::string memory = of("process_resident_memory_bytes");
  EXPECT_GT(std::stod(memory.substr(memory.rfind(' '))), 1e6);
  const std::string start = of("process_start_time_seconds");
  EXPECT_GT(std::stod(start.substr(start.rfind(' '))), 1.6e9);
}

}  // namespace
}  // namespace lemmy::metrics
