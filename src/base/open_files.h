#pragma once
// How many file descriptors this process may have (RLIMIT_NOFILE of getrlimit(2)).
#include <cstddef>

namespace lemmy {

// Raises the soft limit towards the hard one, to 16,384 at most, and returns what holds from now on. Child
// processes get the limit of before: programs that use select(2) cannot take higher numbers. Before any child
// is started.
size_t raise_open_files();
// In a child, between fork and exec: async-signal-safe.
void restore_open_files();

}  // namespace lemmy
