#include "deploy/place.h"

#include "base/strings.h"

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

Task<Result<json::object>> Place::drift(Deploy d, bool) {
  co_return fail(ErrorCode::invalid, d.target.str(), "what is on its hosts is not compared",
                 "a dry run shows what a deploy would change there");
}

Error left_configuration(const config::Config& config, const Target& target) {
  const config::Project* project = config.project(target.project);
  std::vector<std::string> files;
  if (!config.environment(target.environment)) files.emplace_back("environments.yaml");
  const std::string folder = "projects/" + target.project;
  if (!project)
    files.push_back(folder);
  else if (!project->environment(target.environment))
    files.push_back(folder + "/environments.json");
  return {ErrorCode::not_found, "configuration",
          project ? target.str() + " was taken out of the configuration"
                  : target.project + " was taken out of the configuration, and " + target.str() + " with it",
          "put it into " + join_and(files) + " again; what runs there can be zeroed, restored and deleted"};
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
