#include "hosts/plan.h"

#include <fmt/format.h>

#include <filesystem>

#include "domain/names.h"

namespace lemmy::hosts {

std::string run_id(const Deploy& d) {
  // Names may have '-' but no '.': a-b in c is not a in b-c.
  return fmt::format("{}.{}.{}", d.target.project, d.target.environment, d.number);
}

std::string run_id(const Target& target, const std::string& run) {
  // A deploy's folder ends in its number alone.
  return fmt::format("{}.{}.boot-{}", target.project, target.environment, run);
}

bool is_of_deploy(const std::string& id) {
  const size_t dot = id.rfind('.');
  return dot != id.npos && dot + 1 < id.size() && id.find_first_not_of("0123456789", dot + 1) == id.npos;
}

// A roll back uses what its earlier deploy was configured with.
static Task<Result<json::value>> environment_of(Surroundings around, Deploy d) {
  if (d.rollback_of || d.phase != Phase::preparing) {
    const int64_t of = d.phase != Phase::preparing ? d.number : *d.rollback_of;
    auto text = co_await around.store->document(d.target, of, "environment");
    if (!text) co_return deploy::of_store(text.error());
    co_return parse_json(*text, "stored environment");
  }
  auto config = around.config();
  const config::Project* p = config->project(d.target.project);
  const config::ProjectEnvironment* e = p ? p->environment(d.target.environment) : nullptr;
  if (!e) co_return fail(deploy::left_configuration(*config, d.target));
  co_return json::value(e->values);
}

json::object playbook_variables(const Target& target, const Build& build, int64_t deploy,
                                json::value config) {
  json::object of_build = to_json(build);
  of_build["short_sha"] = short_sha(build.sha);
  json::object lemmy{{"project", target.project}, {"environment", target.environment}};
  lemmy["build"] = std::move(of_build);
  lemmy["deploy"] = deploy;
  lemmy["config"] = std::move(config);
  json::object out;
  out["lemmy"] = std::move(lemmy);
  return out;
}

Task<Result<ansible::Plan>> plan_for(Surroundings around, Deploy d) {
  auto environment = co_await environment_of(around, d);
  if (!environment) co_return fail(environment.error());
  auto build = co_await around.store->build(d.target.project, d.sha);
  if (!build) co_return deploy::of_store(build.error());
  auto config = around.config();
  const config::Project* p = config->project(d.target.project);
  if (!p) co_return fail(deploy::left_configuration(*config, d.target));
  ansible::Plan plan;
  plan.id = run_id(d);
  plan.ansible_dir = std::filesystem::absolute(config->ansible_dir()).string();
  plan.playbook = p->playbook;
  plan.hosts = config::hosts_pattern(*p, d.target.environment);
  plan.silence = p->deadline;
  plan.limit = p->timeout;
  // As it was asked for: a hook may have announced the build anew since.
  build->branch = d.branch;
  build->image = d.image;
  plan.variables = playbook_variables(d.target, *build, d.number, std::move(*environment));
  co_return plan;
}

}  // namespace lemmy::hosts
