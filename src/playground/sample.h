#pragma once
// The sample configuration tree, as it was in share/playground/config at build time.
#include "base/embedded.h"

namespace lemmy::playground {

std::span<const Embedded> embedded();

}  // namespace lemmy::playground
