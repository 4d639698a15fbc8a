// What a deploy of a target would be now, and who has its hosts.
#include <fmt/format.h>

#include "base/strings.h"
#include "deploy/state.h"
#include "domain/names.h"

namespace lemmy::deploy {

bool Conductor::is_configured(const Target& target) const {
  auto config = around_.config();
  const config::Project* project = config->project(target.project);
  return project && project->environment(target.environment);
}

Result<> Conductor::check_known(const Target& target) const {
  return latest(target) ? Result<>{} : check_configured(target);
}

Result<> Conductor::check_configured(const Target& target) const {
  auto config = around_.config();
  const config::Project* project = config->project(target.project);
  if (!is_configured(target) && latest(target)) return fail(left_configuration(*config, target));
  if (!project) {
    std::vector<std::string> names;
    for (const auto& [name, p] : config->projects) names.push_back(name);
    auto near = nearest(target.project, names);
    return fail(ErrorCode::not_found, "project", fmt::format("there is no project '{}'", target.project),
                near ? fmt::format("did you mean '{}'?", *near)
                     : "add projects/" + target.project + " to the configuration");
  }
  if (!project->environment(target.environment)) {
    std::vector<std::string> names;
    for (const auto& e : project->environments) names.push_back(e.name);
    return fail(ErrorCode::not_found, "environment",
                fmt::format("{} has no environment '{}'", target.project, target.environment),
                "it has: " + join(names, ", "));
  }
  return {};
}

Result<> Conductor::check_target(const Target& target) const {
  if (auto ok = check_configured(target); !ok) return ok;
  auto at = place(imagine(target));
  if (at) return {};
  Error e = at.error();
  e.where = target.str();
  return fail(std::move(e));
}

Result<Place*> Conductor::place(const Deploy& d) const { return around_.place(d); }

Deploy Conductor::imagine(const Target& target) const {
  Deploy d;
  d.target = target;
  d.phase = Phase::preparing;
  const Deploy* last = latest(target);
  d.number = last ? last->number + 1 : 1;
  auto config = around_.config();
  const config::Project* p = config->project(target.project);
  if (const config::ProjectEnvironment* e = p ? p->environment(target.environment) : nullptr)
    d.deployer = e->deployer;
  if (const config::Environment* e = config->environment(target.environment)) d.cluster = e->cluster;
  (void)only_place(d);
  return d;
}

Deploy Conductor::asked(const Target& target) const {
  Deploy d = imagine(target);
  in_places(d, [](DeployPlace& p) { p.phase = Phase::queued; });
  d.number = 0;  // the store gives it
  return d;
}

std::shared_ptr<void> Conductor::take_hosts(const Target& target, const std::string& run_id) {
  if (stopping_ || active(target) || !queued(target).empty()) return nullptr;
  if (!taken_->runs.emplace(target, run_id).second) return nullptr;
  return std::shared_ptr<void>(this, [taken = taken_, target](void*) {
    taken->runs.erase(target);
    if (taken->freed) taken->freed(target);
  });
}

}  // namespace lemmy::deploy
