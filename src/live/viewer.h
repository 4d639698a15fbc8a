#pragma once
#include "base/metrics.h"

namespace lemmy::live {

// Counted as a viewer while it lives: one in each coroutine that writes a stream. Loop thread only.
class Viewer {
 public:
  Viewer() { count(1); }
  ~Viewer() { count(-1); }
  Viewer(const Viewer&) = delete;
  Viewer& operator=(const Viewer&) = delete;

  static void count(int by) {
    static int viewers = 0;
    metrics::gauge("lemmy_stream_viewers", "Open streams of browsers and of programs", {}, viewers += by);
  }
};

}  // namespace lemmy::live
