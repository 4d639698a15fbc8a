#pragma once

namespace lemmy::deploy {

// For tests of kill -9: with LEMMY_CRASH_AT=N in the environment the process kills itself at the N-th point.
void crash_point();

}  // namespace lemmy::deploy
