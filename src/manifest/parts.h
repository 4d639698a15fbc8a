#pragma once
// Inside room manifest: the steps of a render, which an explanation goes through as well.
#include "manifest/manifest.h"

namespace lemmy::manifest {

// What a standard renders, and how it is stamped.
struct Part {
  Role role;
  std::string_view kind, standard;
  void (*stamp)(json::object&, const Stamp&);
};
void stamp_autoscaler(json::object& autoscaler, const Stamp& stamp);
void stamp_service(json::object& service, const Stamp& stamp);
const Part& controller_part(Workload workload);
inline constexpr Part kAutoscaler{Role::autoscaler, "HorizontalPodAutoscaler",
                                  "standards/horizontal-pod-autoscaler.json.j2", stamp_autoscaler};
inline constexpr Part kService{Role::service, "Service", "standards/service.json.j2", stamp_service};

// What templates are given, but for `final`.
json::object context_of(const config::Project& project, const config::ProjectEnvironment& environment,
                        const Build& build, int64_t deploy);
// The final JSON as standards see it: without what only says which of them is used.
json::value for_standards(json::value final);
// A template's place in the configuration tree.
std::string file_of(const std::string& project, const std::string& name);

}  // namespace lemmy::manifest
