#pragma once
// What the API server would not take of rendered manifests, told without a cluster, with the line of the
// template that wrote it. Pure.
#include "manifest/manifest.h"

namespace lemmy::manifest {

struct OfflineFault {
  Error error;           // invalid: "projects/p/template.json.j2:7:3", "ReplicationController, spec...: ..."
  bool unknown = false;  // a field that is not known: a Kubernetes newer than schema_version() may have it
};

// m: what the renderer made of the same. When something is wrong the render is explained, which takes some
// hundred times as long.
std::vector<OfflineFault> offline_faults(const Renderer& renderer, const Manifests& m,
                                         const std::string& environment, const Build& build, int64_t deploy);

}  // namespace lemmy::manifest
