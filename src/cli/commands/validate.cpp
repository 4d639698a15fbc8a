#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "access/instance.h"
#include "base/strings.h"
#include "cli/changes.h"
#include "cli/command.h"
#include "hosts/plan.h"
#include "manifest/offline.h"

namespace lemmy::cli {
namespace {

constexpr const char* kValidateManual =
    R"(Checks a configuration tree: every file, every key, and that every project renders
for each of its environments. The manifests are compared with what Kubernetes 1.34 knows: fields, types, names, labels,
quantities, items that stand twice; --newer-fields makes warnings of fields and kinds that it does not know, for clusters that
are newer. Kinds that are not Kubernetes' own are not judged. Playbooks of projects on hosts are read by ansible-playbook --syntax-check, on no host, when
Ansible is in $PATH or where --ansible says. Prints all problems, each with file, line, key and what to do.
With --against FOLDER, or --against REVISION of the git repository that the tree is in, it renders every
environment of every project with both and lists the fields that this edit changes, with old and new value and
where the new one comes from; --output json has all of them.
Keys that access.yaml names and that are missing or bad here are warnings: a server refuses who would use them. So are
kubeconfigs that clusters.yaml names and that are not here.
Exit codes: 0 all is well, 2 there are problems; with --against and --exit-code 1 when anything changes.)";

int failed(const config::Problems& problems) {
  report(problems);
  fmt::print(stderr, "{} problem{}\n", problems.size(), problems.size() == 1 ? "" : "s");
  return exit_code(ErrorCode::invalid);
}

// The same mistake shows in every environment, and one in a standard in every project: said once, with all of
// them.
struct Found {
  Error error;
  std::vector<std::string> targets;
};

void add(std::vector<Found>& all, const Error& e, const std::string& target) {
  for (Found& f : all)
    if (f.error.where == e.where && f.error.what == e.what) {
      f.targets.push_back(target);
      return;
    }
  all.push_back({e, {target}});
}

Error told(const Found& found) {
  constexpr size_t most = 6;
  std::vector<std::string> shown(found.targets.begin(),
                                 found.targets.begin() + std::min(most, found.targets.size()));
  std::string text = join(shown, ", ");
  if (found.targets.size() > most) text += fmt::format(" and {} more", found.targets.size() - most);
  Error e = found.error;
  e.what += fmt::format(" [{}]", text);
  return e;
}

// Only warnings: where a tree is checked its secrets and kubeconfigs need not be.
std::vector<Error> problems_of_keys(const config::Config& config) {
  const config::Access& access = config.access;
  auto all = access::read_hook_keys(access, [](const char* name) { return std::getenv(name); }).problems;
  for (Error& e : access::read_instance_keys(access).problems) all.push_back(std::move(e));
  for (const auto& [name, cluster] : config.clusters) {
    std::error_code ec;
    if (!cluster.kubeconfig.empty() &&
        std::filesystem::status(cluster.kubeconfig, ec).type() == std::filesystem::file_type::not_found)
      all.push_back({ErrorCode::invalid, "clusters.yaml",
                     fmt::format("kubeconfig '{}' of cluster {} is not there", cluster.kubeconfig, name),
                     "it is read by the server, on its machine"});
  }
  return all;
}

// A playbook may be of several projects, and each environment gives it other variables: the first is taken.
// How many were read; nullopt: there is no Ansible here.
std::optional<int> check_playbooks(const config::Config& config, const ansible::Tools& tools,
                                   std::vector<Found>& found) {
  Pool pool(2, "playbooks");
  std::set<std::string> seen;
  for (const auto& [name, project] : config.projects)
    for (const config::ProjectEnvironment& e : project.environments) {
      if (e.deployer != Deployer::ansible || !seen.insert(project.playbook).second) continue;
      if (seen.size() == 1 && !ansible::installed(tools)) return std::nullopt;
      ansible::Plan plan{.id = "syntax",
                         .ansible_dir = std::filesystem::absolute(config.ansible_dir()).string(),
                         .playbook = project.playbook,
                         .hosts = config::hosts_pattern(project, e.name)};
      plan.variables = hosts::playbook_variables({name, e.name}, manifest::sample_build(name), 1, e.values);
      auto good = block_on(ansible::check_syntax(&pool, tools, std::move(plan)));
      // Where a tree is checked the vault's password need not be.
      if (!good && good.error().hint.contains("vault"))
        fmt::print(stderr, "warning: {}\n", good.error().str());
      else if (!good)
        add(found, good.error(), name);
    }
  return static_cast<int>(seen.size());
}

int validate(const std::string& dir, const ansible::Tools& tools, bool newer_fields, bool quiet) {
  auto config = config::load(dir);
  if (!config) return failed(config.error());
  for (const auto& warnings : {(*config)->warnings, problems_of_keys(**config)})
    for (const Error& w : warnings) fmt::print(stderr, "warning: {}\n", w.str());
  std::vector<Found> found, doubts;
  int rendered = 0;
  for (const auto& [name, project] : (*config)->projects) {
    auto renderer = manifest::Renderer::create(**config, project);
    if (!renderer) {
      add(found, renderer.error(), name);
      continue;
    }
    for (const auto& environment : project.environments) {
      if (environment.deployer == Deployer::ansible)
        continue;  // its values go to a playbook, not to a template
      const Build build = manifest::sample_build(name);
      const std::string target = fmt::format("{} {}", name, environment.name);
      auto m = (*renderer)->render(environment.name, build, 1);
      if (!m) {
        add(found, m.error(), target);
        continue;
      }
      ++rendered;
      for (const manifest::OfflineFault& f :
           manifest::offline_faults(**renderer, *m, environment.name, build, 1))
        add(f.unknown && newer_fields ? doubts : found, f.error, target);
    }
  }
  for (const Found& f : doubts) fmt::print(stderr, "warning: {}\n", told(f).str());
  const std::optional<int> playbooks = check_playbooks(**config, tools, found);
  if (!found.empty()) {
    config::Problems problems;
    for (const Found& f : found) problems.push_back(told(f));
    return failed(problems);
  }
  if (quiet) return 0;
  std::string of_hosts;
  if (!playbooks)
    of_hosts = ", playbooks were not looked at (there is no Ansible here)";
  else if (*playbooks > 0)
    of_hosts = fmt::format(", {} playbook{} can be read", *playbooks, *playbooks == 1 ? "" : "s");
  fmt::print("{} is valid: {} projects, {} environments of projects render{}, revision {}\n", dir,
             (*config)->projects.size(), rendered, of_hosts, (*config)->revision);
  return 0;
}

}  // namespace

void add_validate(CLI::App& app, Action& action) {
  auto* c = app.add_subcommand("validate", "Check a configuration tree");
  c->footer(kValidateManual);
  auto a = std::make_shared<Against>();
  a->dir = "config";
  c->add_option("--config", a->dir, "the configuration folder")->capture_default_str();
  auto* against = c->add_option("--against", a->other, "a folder or a git revision to compare with");
  c->add_option("--output", a->output, "of --against: table for people, json for programs")
      ->check(CLI::IsMember({"table", "json"}))
      ->needs(against)
      ->capture_default_str();
  auto newer_fields = std::make_shared<bool>(false);
  c->add_flag("--newer-fields", *newer_fields, "fields that Kubernetes 1.34 does not know are warnings");
  auto tools = std::make_shared<ansible::Tools>();
  c->add_option("--ansible", tools->bin, "the folder of ansible-playbook; without it $PATH");
  c->add_flag("--exit-code", a->exit_code, "1 when --against finds changes")->needs(against);
  c->callback([&action, a, tools, newer_fields] {
    action = [a, tools, newer_fields] {
      const bool json = a->output == "json";
      if (int code = validate(a->dir, *tools, *newer_fields, json); code != 0 || a->other.empty())
        return code;
      return validate_against(*a);
    };
  });
}

}  // namespace lemmy::cli
