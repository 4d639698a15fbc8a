#include "base/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "base/metrics.h"

namespace lemmy::metrics {
namespace {

std::string line_of(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// When the machine started, in seconds since 1970: what /proc/self/stat counts from.
std::optional<double> boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string word; file >> word;)
    if (double at = 0; word == "btime" && file >> at) return at;
  return std::nullopt;
}

std::optional<double> open_fds() {
  std::error_code ec;
  size_t n = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", ec), end; !ec && it != end; it.increment(ec))
    ++n;
  if (ec || n == 0) return std::nullopt;
  return static_cast<double>(n - 1);  // one is of the listing itself
}

}  // namespace

void set_process() {
  const std::string stat = line_of("/proc/self/stat");
  const size_t name_end = stat.rfind(')');  // the program's name may hold anything
  if (name_end == stat.npos) return;
  std::istringstream rest(stat.substr(name_end + 1));
  std::string skipped;
  for (int i = 3; i < 14; ++i) rest >> skipped;
  double user = 0, system = 0, started = 0, virtual_bytes = 0, pages = 0;
  rest >> user >> system;
  for (int i = 16; i < 22; ++i) rest >> skipped;
  rest >> started >> virtual_bytes >> pages;
  if (!rest) return;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  total("process_cpu_seconds_total", "User and system CPU time spent", {}, (user + system) / ticks);
  gauge("process_virtual_memory_bytes", "Virtual memory", {}, virtual_bytes);
  gauge("process_resident_memory_bytes", "Resident memory", {},
        pages * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  static const auto boot = boot_time();
  if (boot)
    gauge("process_start_time_seconds", "When the process started, since 1970", {}, *boot + started / ticks);
  if (auto fds = open_fds()) gauge("process_open_fds", "Open file descriptors", {}, *fds);
  if (rlimit limit{}; ::getrlimit(RLIMIT_NOFILE, &limit) == 0)
    gauge("process_max_fds", "Most file descriptors that may be open", {},
          static_cast<double>(limit.rlim_cur));
}

}  // namespace lemmy::metrics
