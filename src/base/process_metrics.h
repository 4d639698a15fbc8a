#pragma once

namespace lemmy::metrics {

// Sets process_* as other Prometheus clients name them: memory, file descriptors, CPU time, start. Reads
// /proc, so not on the loop; where there is none nothing is set.
void set_process();

}  // namespace lemmy::metrics
