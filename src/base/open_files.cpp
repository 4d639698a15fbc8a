#include "base/open_files.h"

#include <sys/resource.h>

#include <algorithm>

namespace lemmy {
namespace {

constexpr rlim_t kEnough = 16'384;
rlimit before{};  // written before any other thread is there
bool raised = false;

}  // namespace

size_t raise_open_files() {
  rlimit now{};
  if (::getrlimit(RLIMIT_NOFILE, &now) != 0) return 1024;
  if (!raised) before = now;
  const rlim_t wanted = std::max(now.rlim_cur, std::min(now.rlim_max, kEnough));
  if (wanted != now.rlim_cur) {
    now.rlim_cur = wanted;
    if (::setrlimit(RLIMIT_NOFILE, &now) != 0) return before.rlim_cur;
    raised = true;
  }
  return wanted;
}

void restore_open_files() {
  if (raised) ::setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace lemmy
