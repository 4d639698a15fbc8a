// What /metrics tells of this process that is seen over time: lag of the loop, connections, room on the disk.
#include <filesystem>

#include "app/app.h"
#include "base/metrics.h"

namespace lemmy::app {
namespace {

constexpr milliseconds kTick{100}, kDiskEvery{15'000};
constexpr int kTicksPerLook = 10;

}  // namespace

Task<> App::watch_loop() {
  for (int n = 0;; ++n) {
    const auto due = Clock::now() + kTick;
    co_await sleep_for(kTick);
    metrics::observe("lemmy_loop_lag_seconds", "How late the event loop comes to a timer of 100 ms", {},
                     std::max(0.0, std::chrono::duration<double>(Clock::now() - due).count()),
                     metrics::Buckets::calls);
    if (n % kTicksPerLook != 0) continue;
    metrics::gauge("lemmy_http_connections", "Open connections of clients", {},
                   static_cast<double>(server_->connections()));
  }
}

Task<> App::watch_disk() {
  for (;;) {
    auto space = co_await bulkheads_.files.run([folder = options_.data_dir] {
      std::error_code ec;
      auto s = std::filesystem::space(folder, ec);
      return ec ? std::optional<std::filesystem::space_info>() : s;
    });
    if (space) {
      metrics::gauge("lemmy_data_free_bytes", "Free on the file system of --data", {},
                     static_cast<double>(space->available));
      metrics::gauge("lemmy_data_size_bytes", "Size of the file system of --data", {},
                     static_cast<double>(space->capacity));
    }
    co_await sleep_for(kDiskEvery);
  }
}

}  // namespace lemmy::app
