#include "kube/feed_metrics.h"

#include "base/metrics.h"
#include "base/time.h"

namespace lemmy::kube {
namespace {

constexpr const char* kResources[] = {"pods",        "replicationcontrollers",   "deployments",
                                      "replicasets", "horizontalpodautoscalers", "endpointslices",
                                      "events"};
constexpr const char* kReasons[] = {"ended", "lost", "silent", "stale"};
constexpr std::string_view kLastNews = "lemmy_watch_last_event_timestamp_seconds";
constexpr std::string_view kReconnects = "lemmy_watch_reconnects_total";

void count_reconnect(const std::string& cluster, const char* reason, double by) {
  metrics::count(kReconnects, "Watches that had to be opened again",
                 {{"cluster", cluster}, {"reason", reason}}, by);
}

}  // namespace

void begin_metrics(const std::string& cluster) {
  for (const char* reason : kReasons) count_reconnect(cluster, reason, 0);
}

void end_metrics(const std::string& cluster) {
  for (const char* resource : kResources)
    metrics::forget(kLastNews, {{"cluster", cluster}, {"resource", resource}});
  for (const char* reason : kReasons)
    metrics::forget(kReconnects, {{"cluster", cluster}, {"reason", reason}});
}

void note_news(const std::string& cluster, const std::string& resource) {
  metrics::gauge(kLastNews, "When the last list, event or bookmark of a watch came, since 1970",
                 {{"cluster", cluster}, {"resource", resource}},
                 static_cast<double>(to_millis(now())) / 1000);
}

void note_reconnect(const std::string& cluster, const char* reason) { count_reconnect(cluster, reason, 1); }

}  // namespace lemmy::kube
