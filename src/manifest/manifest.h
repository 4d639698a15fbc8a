#pragma once
// From an environment's JSON to what is sent to the cluster. Pure: no I/O, and the same input gives the same
// bytes.
//   environments.json[environment] -> template.json.j2 -> final JSON -> standards/*.json.j2 -> manifests ->
//   stamps
#include <chrono>
#include <map>
#include <memory>
#include <optional>

#include "config/config.h"
#include "domain/build.h"
#include "domain/workload.h"
#include "template/json_schema.h"
#include "template/template.h"

namespace lemmy::manifest {

// What Lemmy knows of a deploy and stamps on every object.
struct Stamp {
  std::string project, environment, sha, branch;
  int64_t deploy = 0;
  std::string config_map;  // the immutable copy's name; empty: the project has no files
  Workload workload = Workload::replication_controller;
};

// What an object is to its deploy, in the order of applying: what pods need comes before them.
enum class Role {
  files_copy,  // ConfigMap <project>-<hash>: immutable, what the pods mount
  files,       // ConfigMap <project>: the newest, for people
  service,
  controller,
  autoscaler
};

struct Manifest {
  Role role;
  json::object object;
};

struct Manifests {
  json::value final;              // the project's own part
  std::vector<Manifest> objects;  // by their roles
  Workload workload = Workload::replication_controller;
  std::string object_name;  // of controller and autoscaler
  int replicas = 0;
  int min = 0, max = 0;  // of the autoscaler; 0: none

  const json::object* find(Role role) const;  // nullptr: there is none
  const json::object& controller() const;     // there always is one
  json::array in_order() const;               // the objects alone
};

struct Explanation;  // manifest/explain.h

// The templates of one project with the standards, parsed once. Thread-safe.
class Renderer {
 public:
  static Result<std::shared_ptr<const Renderer>> create(const config::Config& config,
                                                        const config::Project& project);
  // Errors name template, line, the excerpt, or the key of the final JSON.
  Result<Manifests> render(const std::string& environment, const Build& build, int64_t deploy) const;
  // The same manifests, and where each of their fields comes from. Some hundred times slower.
  Result<Explanation> explain(const std::string& environment, const Build& build, int64_t deploy) const;

 private:
  Renderer(config::Project project, std::shared_ptr<const tmpl::Templates> templates);
  // Against the SRE's schema. The error names the line of the template that wrote the fault.
  Result<> check_schema(const json::value& final, const tmpl::Context& context) const;
  config::Project project_;
  std::shared_ptr<const tmpl::Templates> templates_;
  std::shared_ptr<const tmpl::JsonSchema> schema_;  // nullptr: there is none
  std::map<std::string, tmpl::Context> contexts_;   // by environment: what does not depend on the build
  std::string config_map_;                          // name of the immutable copy; empty: no files
  json::object files_;                              // what ConfigMaps hold
};

// Stands in for a build where none is at hand, to see whether templates render.
Build sample_build(const std::string& project);

// What hinders every deploy, each once: templates and standards that do not parse, and targets on Kubernetes
// that do not render for that build. After `limit` no more is rendered.
std::vector<Error> render_faults(const config::Config& config, std::chrono::milliseconds limit);

// Puts names, namespace, selector, labels, environment variables and mounts where nobody may forget them;
// what a template set there before is replaced. Stamping again with another deploy number is how a roll back
// is made.
void stamp_controller(json::object& controller, const Stamp& stamp);
// Of what was rendered or stored; nullopt: there is no controller.
std::optional<Workload> workload_of(const json::array& manifests);
void stamp_object(json::object& object, const Stamp& stamp, const std::string& name);

// Sets spec.replicas.
void set_replicas(json::object& controller, int replicas);

// SRE's templates as they are when standards/ has none of its own.
const std::vector<tmpl::Source>& default_standards();

}  // namespace lemmy::manifest
