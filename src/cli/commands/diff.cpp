#include <fmt/format.h>

#include <algorithm>

#include "cli/changes.h"
#include "cli/command.h"
#include "cli/drift_shown.h"
#include "cli/remote.h"
#include "cli/table.h"

namespace lemmy::cli {
namespace {

constexpr const char* kDiffManual =
    R"(Shows what the configuration on disk would change in what runs there: the fields that are added (+), removed (-)
or changed (~), with the old and the new value and where the new one comes from. It renders for the build that runs
unless --build names another, and for the same deploy number. The pods of an autoscaled deploy are not compared:
their number is the autoscaler's. Sends nothing.
At its end it says what in the cluster is not as the deploy that serves was applied, whatever the files on disk say: objects
that somebody deleted, fields that somebody changed, and who. --exit-code does not count these.
Exit codes: 0, also when there are differences; with --exit-code 1 then; 2 the configuration is wrong, 3 not allowed,
4 no such project, environment or build, or nothing runs there, 6 the server cannot be reached.)";

constexpr size_t kMostRows = 200;

struct DiffArguments {
  RemoteOptions remote;
  Target target;
  std::string dir = "config", build;
  bool exit_code = false;
};

Error no_build(const DiffArguments& a, std::string what) {
  return {ErrorCode::not_found, a.target.project, std::move(what), "`lemmy builds` lists them"};
}

Task<Result<Build>> build_of(std::shared_ptr<Remote> remote, DiffArguments a, json::object status) {
  if (a.build.empty() || text_or(object_in(status, "deploy"), "build").starts_with(a.build)) {
    const json::object& b = object_in(status, "build");
    Build build{a.target.project, std::string(text_or(object_in(status, "deploy"), "build")),
                std::string(text_or(object_in(status, "deploy"), "branch"))};
    if (!b.empty())
      build.image = text_or(b, "image"), build.url = text_or(b, "url"), build.author = text_or(b, "author");
    co_return build;
  }
  std::string after;
  do {
    auto page = co_await remote->get(fmt::format("{}/builds?limit=1000&after={}",
                                                 project_path(a.target.project), net::percent_encode(after)));
    if (!page) co_return fail(page.error());
    for (const json::value& v : array_in(page->as_object(), "builds")) {
      const json::object& b = v.as_object();
      if (text_or(b, "sha").starts_with(a.build))
        co_return Build{a.target.project,
                        std::string(text_or(b, "sha")),
                        std::string(text_or(b, "branch")),
                        std::string(text_or(b, "image")),
                        std::string(text_or(b, "url")),
                        std::string(text_or(b, "author"))};
    }
    after = field(page->as_object(), "next");
  } while (!after.empty());
  co_return fail(no_build(a, fmt::format("there is no build {}", a.build)));
}

// Documents that are not there: an older server, or a deploy that did not get that far.
Task<Result<json::value>> document(std::shared_ptr<Remote> remote, DiffArguments a, int64_t number,
                                   std::string name) {
  auto text = co_await remote->get(deploy_path(a.target, number) + "/" + name);
  if (!text && text.error().code == ErrorCode::not_found) co_return json::value();
  co_return text;
}

// drift: nullopt on hosts.
int show(const DiffArguments& a, int64_t number, const std::vector<FieldChange>& changes,
         const std::optional<json::object>& drift) {
  if (a.remote.json()) {
    print_json(json::object{{"project", a.target.project},
                            {"environment", a.target.environment},
                            {"against", number},
                            {"fields", changes.size()},
                            {"changes", to_json(changes)},
                            {"drift", drift ? json::value(*drift) : json::value(nullptr)}});
  } else if (changes.empty()) {
    fmt::print("{}: the configuration in {} is what #{} was applied from\n", a.target.str(), a.dir, number);
  } else {
    fmt::print("{}: the configuration in {} changes {} field{} of what #{} was applied from\n",
               a.target.str(), a.dir, changes.size(), changes.size() == 1 ? "" : "s", number);
    print_changes(changes, kMostRows);
  }
  if (drift && !a.remote.json()) print_drift(*drift);
  return a.exit_code && !changes.empty() ? 1 : 0;
}

Task<Result<int>> diff(std::shared_ptr<Remote> remote, DiffArguments a,
                       std::shared_ptr<const config::Config> config) {
  auto state = co_await remote->get(target_path(a.target));
  if (!state) co_return fail(state.error());
  const int64_t number = int_or(object_in(state->as_object(), "current"), "number");
  if (number == 0)
    co_return fail(ErrorCode::not_found, a.target.str(), "nothing runs there",
                   "`lemmy render` shows what a deploy would send");
  auto status = co_await remote->get(deploy_path(a.target, number));
  if (!status) co_return fail(status.error());
  const config::Project* project = config->project(a.target.project);
  const config::ProjectEnvironment* environment =
      project ? project->environment(a.target.environment) : nullptr;
  if (!environment)
    co_return fail(ErrorCode::not_found, a.dir,
                   fmt::format("{} is not in this configuration", a.target.str()),
                   "name its folder with --config");
  if (environment->deployer == Deployer::ansible) {
    auto stored = co_await document(remote, a, number, "environment");
    if (!stored) co_return fail(stored.error());
    co_return show(a, number, compare({{"variables", *stored}}, {{"variables", environment->values}}),
                   std::nullopt);
  }
  auto build = co_await build_of(remote, a, status->as_object());
  if (!build) co_return fail(build.error());
  auto renderer = manifest::Renderer::create(*config, *project);
  if (!renderer) co_return fail(renderer.error());
  auto explanation = (*renderer)->explain(a.target.environment, *build, number);
  if (!explanation) co_return fail(explanation.error());
  auto stored = co_await document(remote, a, number, "manifests");
  if (!stored) co_return fail(stored.error());
  if (!stored->is_array())
    co_return fail(ErrorCode::not_found, a.target.str(), fmt::format("#{} has no manifests", number));
  auto origins = co_await document(remote, a, number, "origins");
  if (!origins) co_return fail(origins.error());
  json::object before = by_kind(stored->get_array()), after = by_kind(explanation->manifests);
  manifest::leave_out_pods(before, after);
  const json::object old_origins =
      origins->is_object() ? object_in(origins->get_object(), "objects") : json::object{};
  auto changes = compare(before, after);
  add_origins(changes, manifest::to_json(*explanation), old_origins);
  auto drift = co_await ask_drift(remote, a.target);
  co_return show(a, number, changes, drift);
}

int run(const DiffArguments& a) {
  auto config = config::load(a.dir);
  if (!config) return a.remote.json() ? report_json(config.error()) : report(config.error());
  return run_remote(a.remote, [a, config = *config](auto remote) { return diff(remote, a, config); });
}

}  // namespace

void add_diff(CLI::App& app, Action& action) {
  auto* c = app.add_subcommand("diff", "Show what the configuration on disk changes in what runs");
  c->footer(kDiffManual);
  auto a = std::make_shared<DiffArguments>();
  c->add_option("PROJECT", a->target.project)->required();
  c->add_option("ENVIRONMENT", a->target.environment)->required();
  c->add_option("--build", a->build, "7-64 hex digits; the build that runs unless given");
  c->add_option("--config", a->dir, "the configuration folder")->capture_default_str();
  c->add_flag("--exit-code", a->exit_code, "1 when there are differences");
  add_remote_options(*c, a->remote);
  c->callback([&action, a] { action = [a] { return run(*a); }; });
}

}  // namespace lemmy::cli
