#include <fmt/format.h>

#include "base/strings.h"
#include "cli/command.h"
#include "cli/table.h"
#include "domain/build.h"
#include "domain/names.h"
#include "hosts/plan.h"
#include "manifest/explain.h"

namespace lemmy::cli {
namespace {

constexpr const char* kRenderManual =
    R"(Prints what a deploy of that build would send, without sending anything: the final JSON
of the project's template, then every manifest with Lemmy's names, labels, variables and mounts.
--explain prints each field with its value and where it comes from: the template's line and column that wrote
it, the expression there, and behind <- the keys of environments.json that it follows, with their lines.
`if KEY`: the field is there because of that key; `perhaps KEY`: with another value the template does not render.
docs/provenance.md says more. --explain needs no --build.
Of an environment on hosts: the playbook, the pattern of its hosts and the variables that the playbook gets.
Exit codes: 0, 2 the configuration or the arguments are wrong, 4 no such project or environment.)";

struct RenderArguments {
  std::string dir = "config", project, environment, sha, branch = "main", image, show = "all",
              output = "table";
  int64_t number = 1;
  bool explain = false;
};

int explain(const RenderArguments& a, const manifest::Renderer& renderer, const Build& build) {
  auto explanation = renderer.explain(a.environment, build, a.number);
  if (!explanation) return report(explanation.error());
  json::object all = to_json(*explanation);
  if (a.show == "final") all = json::object{{"final", all["final"]}};
  if (a.show == "manifests") all.erase("final");
  if (a.output == "json") {
    all["complete"] = explanation->complete;
    print_json(all);
    return 0;
  }
  Table table({"PATH", "VALUE", "WHERE FROM"});
  for (const auto& [object, list] : all) {
    table.add({"", "", ""});
    table.add({std::string(object), "", ""});
    for (const json::value& v : list.get_array()) {
      const json::object& field = v.get_object();
      table.add({fmt::format("  {}", clean(text_or(field, "path"))),
                 clean(shorten(manifest::shown_value(field.at("value")), 60)),
                 clean(manifest::origin_line(field))});
    }
  }
  table.print();
  if (!explanation->complete)
    fmt::print(stderr, "warning: not every key was tried: the templates are too slow; some may be missing\n");
  return 0;
}

int render_hosts(const RenderArguments& a, const config::Project& project,
                 const config::ProjectEnvironment& environment, const Build& build) {
  if (a.explain)
    return report(Error{ErrorCode::invalid, "--explain",
                        a.environment + " of " + a.project + " is on hosts: there are no manifests", ""});
  json::object variables =
      hosts::playbook_variables({a.project, a.environment}, build, a.number, environment.values);
  if (a.show == "final") {
    fmt::print("{}\n", pretty_json(variables));
    return 0;
  }
  json::object all{{"playbook", "playbooks/" + project.playbook},
                   {"hosts", config::hosts_pattern(project, a.environment)}};
  all["variables"] = std::move(variables);
  fmt::print("{}\n", pretty_json(all));
  return 0;
}

int render(RenderArguments a) {
  if (a.explain && a.sha.empty()) a.sha = std::string(40, '0');
  if (a.sha.empty())
    return report(
        Error{ErrorCode::invalid, "--build", "it is missing", "7 to 64 hex digits of the build's sha"});
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
  Build build;
  build.project = a.project;
  build.sha = a.sha;
  build.branch = a.branch;
  build.image = a.image;
  // What no hook would take no deploy can have.
  if (auto ok = check_build(build); !ok) return report(ok.error());
  const config::ProjectEnvironment* environment = project->environment(a.environment);
  if (environment && environment->deployer == Deployer::ansible)
    return render_hosts(a, *project, *environment, build);
  auto renderer = manifest::Renderer::create(**config, *project);
  if (!renderer) return report(renderer.error());
  if (a.explain) return explain(a, **renderer, build);
  auto m = (*renderer)->render(a.environment, build, a.number);
  if (!m) return report(m.error());

  if (a.show == "final") {
    fmt::print("{}\n", pretty_json(m->final));
    return 0;
  }
  const json::array manifests = m->in_order();
  if (a.show == "manifests")  // a List, as kubectl apply -f - takes it
    fmt::print("{}\n",
               pretty_json(json::object{{"apiVersion", "v1"}, {"kind", "List"}, {"items", manifests}}));
  else
    fmt::print("{}\n", pretty_json(json::object{{"final", m->final}, {"manifests", manifests}}));
  return 0;
}

}  // namespace

void add_render(CLI::App& app, Action& action) {
  auto* c = app.add_subcommand("render", "Print what a deploy would send");
  c->footer(kRenderManual);
  auto a = std::make_shared<RenderArguments>();
  c->add_option("PROJECT", a->project)->required();
  c->add_option("ENVIRONMENT", a->environment)->required();
  c->add_option("--build", a->sha, "7-64 hex digits");
  c->add_option("--branch", a->branch)->capture_default_str();
  c->add_option("--image", a->image, "as the build system announced it");
  c->add_option("--deploy", a->number, "the deploy's number")->check(number_from_1())->capture_default_str();
  c->add_option("--config", a->dir, "the configuration folder")->capture_default_str();
  c->add_option("--show", a->show)
      ->check(CLI::IsMember({"all", "final", "manifests"}))
      ->capture_default_str();
  auto* explain = c->add_flag("--explain", a->explain, "where each field comes from");
  c->add_option("--output", a->output, "of --explain")
      ->check(CLI::IsMember({"table", "json"}))
      ->needs(explain)
      ->capture_default_str();
  c->callback([&action, a] { action = [a] { return render(*a); }; });
}

}  // namespace lemmy::cli
