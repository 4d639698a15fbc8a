#include <fmt/format.h>

#include "base/strings.h"
#include "cli/command.h"
#include "domain/names.h"
#include "manifest/manifest.h"

namespace lemmy::cli {
namespace {

constexpr const char* kManual =
    R"(Prints what a deploy of that build would send, without sending anything: the final JSON
of the project's template, then every manifest with Lemmy's names, labels, variables and mounts.
Exit codes: 0, 2 the configuration or the arguments are wrong, 4 no such project or environment.)";

struct Arguments {
  std::string dir = "config", project, environment, sha, branch = "main", image, output = "all";
  int64_t number = 1;
};

int render(const Arguments& a) {
  if (auto ok = check_sha(a.sha); !ok) return report(ok.error());
  auto config = config::load(a.dir);
  if (!config) return report(config.error());
  const config::Project* project = (*config)->project(a.project);
  if (!project) {
    std::vector<std::string> names;
    for (const auto& [name, p] : (*config)->projects) names.push_back(name);
    auto near = nearest(a.project, names);
    return report(Error{ErrorCode::not_found, a.dir, fmt::format("there is no project '{}'", a.project),
                        near ? fmt::format("did you mean '{}'?", *near) : "there are: " + join(names, ", ")});
  }
  auto renderer = manifest::Renderer::create(**config, *project);
  if (!renderer) return report(renderer.error());
  Build build;
  build.project = a.project;
  build.sha = a.sha;
  build.branch = a.branch;
  build.image = a.image;
  auto m = (*renderer)->render(a.environment, build, a.number);
  if (!m) return report(m.error());

  if (a.output == "final") {
    fmt::print("{}\n", pretty_json(m->final));
    return 0;
  }
  json::array manifests;
  for (const auto& o : {m->config_map_copy, m->config_map, std::optional(m->rc), m->autoscaler, m->service})
    if (o) manifests.push_back(*o);
  if (a.output == "manifests")  // a List, as kubectl apply -f - takes it
    fmt::print("{}\n",
               pretty_json(json::object{{"apiVersion", "v1"}, {"kind", "List"}, {"items", manifests}}));
  else
    fmt::print("{}\n", pretty_json(json::object{{"final", m->final}, {"manifests", manifests}}));
  return 0;
}

}  // namespace

void add_render(CLI::App& app, Action& action) {
  auto* c = app.add_subcommand("render", "Print what a deploy would send");
  c->footer(kManual);
  auto a = std::make_shared<Arguments>();
  c->add_option("PROJECT", a->project)->required();
  c->add_option("ENVIRONMENT", a->environment)->required();
  c->add_option("--build", a->sha, "7-40 hex digits")->required();
  c->add_option("--branch", a->branch)->capture_default_str();
  c->add_option("--image", a->image, "as the build system announced it");
  c->add_option("--deploy", a->number, "the deploy's number")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  c->add_option("--config", a->dir, "the configuration folder")->capture_default_str();
  c->add_option("--show", a->output)
      ->check(CLI::IsMember({"all", "final", "manifests"}))
      ->capture_default_str();
  c->callback([&action, a] { action = [a] { return render(*a); }; });
}

}  // namespace lemmy::cli
