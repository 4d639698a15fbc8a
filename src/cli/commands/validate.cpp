#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "access/instance.h"
#include "base/strings.h"
#include "cli/changes.h"
#include "cli/command.h"
#include "manifest/manifest.h"

namespace lemmy::cli {
namespace {

constexpr const char* kValidateManual =
    R"(Checks a configuration tree: every file, every key, and that every project renders
for each of its environments. Prints all problems, each with file, line, key and what to do.
With --against FOLDER, or --against REVISION of the git repository that the tree is in, it renders every
environment of every project with both and lists the fields that this edit changes, with old and new value and
where the new one comes from; --output json has all of them.
Keys that access.yaml names and that are missing or bad here are warnings: a server refuses who would use them.
Exit codes: 0 all is well, 2 there are problems; with --against and --exit-code 1 when anything changes.)";

// Stands in for a build, to see that the templates render.
Build sample_build(const std::string& project) {
  Build b;
  b.project = project;
  b.sha = "0123456789abcdef0123456789abcdef01234567";
  b.branch = "main";
  return b;
}

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

// Only warnings: where a tree is checked its secrets need not be.
std::vector<Error> problems_of_keys(const config::Access& access) {
  auto all = access::read_hook_keys(access, [](const char* name) { return std::getenv(name); }).problems;
  for (Error& e : access::read_instance_keys(access).problems) all.push_back(std::move(e));
  return all;
}

int validate(const std::string& dir, bool quiet) {
  auto config = config::load(dir);
  if (!config) return failed(config.error());
  for (const auto& warnings : {(*config)->warnings, problems_of_keys((*config)->access)})
    for (const Error& w : warnings) fmt::print(stderr, "warning: {}\n", w.str());
  std::vector<Found> found;
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
      auto m = (*renderer)->render(environment.name, sample_build(name), 1);
      if (!m)
        add(found, m.error(), fmt::format("{} {}", name, environment.name));
      else
        ++rendered;
    }
  }
  if (!found.empty()) {
    config::Problems problems;
    for (const Found& f : found) problems.push_back(told(f));
    return failed(problems);
  }
  if (quiet) return 0;
  fmt::print("{} is valid: {} projects, {} environments of projects render, revision {}\n", dir,
             (*config)->projects.size(), rendered, (*config)->revision);
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
  c->add_flag("--exit-code", a->exit_code, "1 when --against finds changes")->needs(against);
  c->callback([&action, a] {
    action = [a] {
      const bool json = a->output == "json";
      if (int code = validate(a->dir, json); code != 0 || a->other.empty()) return code;
      return validate_against(*a);
    };
  });
}

}  // namespace lemmy::cli
