// What a deploy would change. Diffs show what is in files on hosts, so viewers do not see them.
#include <fmt/format.h>

#include "api/common.h"
#include "deploy/dry_runs.h"

namespace lemmy::api {
namespace {

std::string path_of(const deploy::DryRun& run) {
  return fmt::format("/api/v1/projects/{}/environments/{}/dry-runs/{}", run.target.project,
                     run.target.environment, run.id);
}

Task<net::Response> start(Shared s, route::Call call) {
  auto body = route::body_object(call.request);
  if (!body) co_return problem(call, body.error());
  if (auto ok = check_keys(*body, {"build", "csrf"}); !ok) co_return problem(call, ok.error());
  auto build = body_build(*body);
  if (!build) co_return problem(call, build.error());
  auto run = co_await s->conductor->dry_runs().start(call.target(), *build, call.who.name);
  if (!run) co_return problem(call, run.error());
  json::object told = to_json(**run);
  told["warnings"] = warnings(*s, call.who);
  net::Response r = route::json_response(told, 202);
  r.headers.emplace("Location", path_of(**run));
  co_return r;
}

Task<net::Response> show(Shared s, route::Call call) {
  auto run = s->conductor->dry_runs().look(call.target(), call.param("run"));
  co_return run ? route::json_response(to_json(**run)) : problem(call, run.error());
}

Task<net::Response> cancel(Shared s, route::Call call) {
  deploy::DryRuns& runs = s->conductor->dry_runs();
  auto done = runs.cancel(call.target(), call.param("run"), "cancelled by " + call.who.name);
  if (!done) co_return problem(call, done.error());
  auto run = runs.look(call.target(), call.param("run"));
  co_return run ? route::json_response(to_json(**run), 202) : problem(call, run.error());
}

Task<net::Response> log(Shared s, route::Call call) {
  auto text = co_await s->conductor->dry_runs().log(call.target(), call.param("run"));
  if (!text) co_return problem(call, text.error());
  net::Response r;
  r.headers.emplace("Content-Type", "text/plain; charset=utf-8");
  r.body = std::move(*text);
  co_return r;
}

}  // namespace

void add_dry_runs(route::Router& router, Shared s) {
  const std::string all = "/api/v1/projects/{project}/environments/{environment}/dry-runs";
  const std::string one = all + "/{run}";
  using Function = Task<net::Response> (*)(Shared, route::Call);
  auto add = [&](std::string method, std::string pattern, std::string summary, Function f,
                 json::object openapi) {
    router.add({std::move(method), std::move(pattern), route::Who::deployer, route::Kind::api,
                std::move(summary), [s, f](route::Call c) { return f(s, std::move(c)); },
                std::move(openapi)});
  };
  json::object body = json_body({{"build", text_schema("sha, or its first 7 digits or more")}}, {"build"});
  add("POST", all, "Try out what a deploy would change, without changing it", start,
      {{"requestBody", std::move(body)},
       {"responses", ok_response("202", "it runs; Location is where to look", "DryRun")}});
  add("GET", one, "A dry run: each host with its diff, or each object and whether it would be taken", show,
      {{"responses", ok_response("200", "the dry run", "DryRun")}});
  add("POST", one + "/cancel", "End a dry run", cancel,
      {{"responses", ok_response("202", "it ends soon", "DryRun")}});
  add("GET", one + "/log", "What the dry run printed, on hosts", log,
      {{"responses",
        {{"200", {{"description", "the log"}, {"content", {{"text/plain", json::object{}}}}}}}}});
}

}  // namespace lemmy::api
