#pragma once
// What runs a build on its hosts: the playbook, the hosts, and the variables that it is given.
#include "ansible/run.h"
#include "config/config.h"
#include "deploy/place.h"

namespace lemmy::hosts {

struct Surroundings {
  store::Store* store = nullptr;
  std::function<std::shared_ptr<const config::Config>()> config;
  std::function<void(const Target&)> changed;  // something of the target is different
  ansible::Runs* runs = nullptr;               // nullptr: Ansible is not installed here
  ansible::Tools ansible;
  Pool* programs = nullptr;  // starts what asks inventories
};

// Of a deploy's playbook run: the same after a restart.
std::string run_id(const Deploy& deploy);
// With the environment JSON that it was deployed with, or before it is prepared, that of now; always with the
// image and the branch that the deploy names.
Task<Result<ansible::Plan>> plan_for(Surroundings around, Deploy deploy);
// Of a run on instances, whose name is in InstanceResult.
std::string run_id(const Target& target, const std::string& run);
// Whether the run of that id is of a deploy, which is repeated under the same id after a restart.
bool is_of_deploy(const std::string& id);
// What a playbook gets: {"lemmy": {project, environment, build, deploy, config}}. Pure.
json::object playbook_variables(const Target& target, const Build& build, int64_t deploy, json::value config);
inline constexpr size_t kRunLog = 8u << 20;  // bytes kept of what a run printed: the end

}  // namespace lemmy::hosts
