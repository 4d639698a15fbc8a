#include <fmt/format.h>

#include "cli/command.h"
#include "manifest/manifest.h"

namespace lemmy::cli {
namespace {

constexpr const char* kManual =
    R"(Checks a configuration tree: every file, every key, and that every project renders
for each of its environments. Prints all problems, each with file, line, key and what to do.
Exit codes: 0 all is well, 2 there are problems.)";

// Stands in for a build, to see that the templates render.
Build sample_build(const std::string& project) {
  Build b;
  b.project = project;
  b.sha = "0123456789abcdef0123456789abcdef01234567";
  b.branch = "main";
  return b;
}

int validate(const std::string& dir) {
  auto config = config::load(dir);
  if (!config) {
    report(config.error());
    fmt::print(stderr, "{} problem{}\n", config.error().size(), config.error().size() == 1 ? "" : "s");
    return exit_code(ErrorCode::invalid);
  }
  config::Problems problems;
  int rendered = 0;
  for (const auto& [name, project] : (*config)->projects) {
    auto renderer = manifest::Renderer::create(**config, project);
    if (!renderer) {
      problems.push_back(renderer.error());
      continue;
    }
    for (const auto& environment : project.environments) {
      auto m = (*renderer)->render(environment.name, sample_build(name), 1);
      if (m) {
        ++rendered;
        continue;
      }
      Error e = m.error();
      e.where = fmt::format("projects/{}: environment {}: {}", name, environment.name, e.where);
      problems.push_back(e);
    }
  }
  if (!problems.empty()) {
    report(problems);
    fmt::print(stderr, "{} problem{}\n", problems.size(), problems.size() == 1 ? "" : "s");
    return exit_code(ErrorCode::invalid);
  }
  fmt::print("{} is valid: {} projects, {} environments of projects render, revision {}\n", dir,
             (*config)->projects.size(), rendered, (*config)->revision);
  return 0;
}

}  // namespace

void add_validate(CLI::App& app, Action& action) {
  auto* c = app.add_subcommand("validate", "Check a configuration tree");
  c->footer(kManual);
  auto dir = std::make_shared<std::string>("config");
  c->add_option("--config", *dir, "the configuration folder")->capture_default_str();
  c->callback([&action, dir] { action = [dir] { return validate(*dir); }; });
}

}  // namespace lemmy::cli
