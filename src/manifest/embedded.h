#pragma once
// Inside room manifest: "kubernetes_schema.json", then "standards/*.json.j2" (room.cmake).
#include "base/embedded.h"

namespace lemmy::manifest {

std::span<const Embedded> embedded();

}  // namespace lemmy::manifest
