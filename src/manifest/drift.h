#pragma once
// What of a manifest is not in the cluster as a deploy applied it: somebody deleted or changed it by hand.
// Pure.
#include <string>
#include <vector>

#include "manifest/fields.h"

namespace lemmy::manifest {

// What the cluster has of one manifest.
struct InCluster {
  std::optional<json::object> live;  // nullopt: there is no such object
  // What applying the manifest anew would give, with all that the API server sets by itself. nullopt: it
  // would be refused; then only what the manifest names is compared.
  std::optional<json::object> applied_anew;
  // What a new object of the manifest would be: what the API server adds to one by itself is no drift,
  // whoever is noted to have written it. nullopt: that is not known.
  std::optional<json::object> as_new = {};
};

struct Drift {
  std::string kind, name;
  Change field;           // before: as it was applied, after: as it is; an empty path: the object was deleted
  std::string manager;    // who changed it last, by metadata.managedFields; empty: that is not told
  std::string at;         // when that was, RFC 3339; may be empty
  int64_t by_deploy = 0;  // not 0: no field of it, the object is as that deploy of its target applied it
};

// Fields that the manifest does not name are drift where somebody else than Kubernetes wrote them, by
// metadata.managedFields. What legitimately moves is left out: the pods of an autoscaled controller
// (`autoscaled`), or of one that Lemmy, another autoscaler or nobody that is known scaled, label
// kAnswersLabel, and what the cluster notes about an object (status, owners, metadata that the manifest does
// not name).
std::vector<Drift> drift(const json::object& manifest, const InCluster& cluster, bool autoscaled);

// "Service hello-world: spec.ports[http].port is 81, was applied as 80 (kubectl-edit, 2026-11-30T12:00:00Z)"
std::string drift_line(const Drift& drift);
// {"kind", "name", "what": "deleted | changed | removed | added | other_deploy", "path", "applied"|null,
//  "live"|null (texts, at most 400 bytes), "manager", "at", "deploy"|null (of other_deploy), "text": the
//  line}
json::object to_json(const Drift& drift);

}  // namespace lemmy::manifest
