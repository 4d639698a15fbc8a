#include "deploy/place.h"

namespace lemmy::deploy {

const Traits& traits_of(const Deploy& d) {
  // By Deployer: pods on a cluster, then hosts.
  static constexpr Traits kinds[] = {
      {true, false, "rendering, and asking the cluster whether it would take it",
       "cancelled; its pods are scaled to 0", "manifests"},
      {false, true, "looking for the hosts", "cancelled; what was started on hosts may still run there",
       "environment"}};
  return kinds[static_cast<size_t>(d.deployer)];
}

Error left_configuration(const config::Config& config, const Target& target) {
  const bool project = config.project(target.project);
  const std::string file = !project ? "projects/" + target.project
                           : !config.environment(target.environment)
                               ? "environments.yaml"
                               : "projects/" + target.project + "/environments.json";
  return {ErrorCode::not_found, target.str(),
          (project ? target.str() : target.project) + " was taken out of the configuration",
          "put it into " + file + " again; what runs there can be zeroed and deleted"};
}

// Names may have '-' but no '.'.
std::string dry_run_id(const Target& t) { return t.project + "." + t.environment + ".dry"; }

static std::unexpected<Error> marked(Error e, Whose whose) {
  e.whose = whose;
  return std::unexpected(std::move(e));
}

std::unexpected<Error> of_store(Error e) { return marked(std::move(e), Whose::store); }
std::unexpected<Error> of_place(Error e) { return marked(std::move(e), Whose::place); }

}  // namespace lemmy::deploy
