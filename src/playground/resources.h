#pragma once
// Inside room playground: which resources the simulated API server knows.
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace lemmy::playground {

enum class Kind {
  pod,
  rc,
  service,
  config_map,
  secret,
  event,
  ns,
  autoscaler,
  endpoint_slice,
  deployment,
  replica_set
};
constexpr size_t kKinds = 11;
// Has spec.replicas, and can be scaled.
constexpr bool is_scaled(Kind k) { return k == Kind::rc || k == Kind::deployment || k == Kind::replica_set; }

struct Resource {
  Kind kind;
  std::string_view name;      // "replicationcontrollers"
  std::string_view singular;  // "replicationcontroller"
  std::string_view type;      // "ReplicationController"
  std::string_view prefix;    // "/api/v1"
  std::string_view version;   // apiVersion: "v1"
  std::string_view group;     // "" or "autoscaling"
  std::string_view short_name;
  bool namespaced = true;

  // "pods" or "horizontalpodautoscalers.autoscaling", as error messages name it.
  std::string qualified() const;
};

const Resource& resource(Kind kind);
const Resource* resource(std::string_view prefix, std::string_view name);  // nullptr: unknown

const Resource* resource_of_type(std::string_view version, std::string_view type);  // "apps/v1", "Deployment"

// What a request addresses. `known` is false when the path is nothing of ours.
struct Route {
  bool known = false;
  const Resource* what = nullptr;
  std::string ns, name, sub;
};
Route route(std::string_view path);

// /api, /apis, /api/v1, /version and the like; null when the path is none of them.
json::value discovery(std::string_view path);

}  // namespace lemmy::playground
