#pragma once
#include "async/task.h"

namespace lemmy {

// Runs both at the same time. When the first ends, the other is cancelled and waited for. Gives 0 or 1: which
// ended first; an exception of that one comes out, one of the other does not.
Task<size_t> race(Task<> one, Task<> other);

}  // namespace lemmy
