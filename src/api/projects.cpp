// Projects, their builds and environments, and the ledger of hook calls.
#include <fmt/format.h>

#include "api/common.h"

namespace lemmy::api {
namespace {

Task<net::Response> projects(Shared s, route::Call call) {
  live::Board::Wanted wanted;
  wanted.may = [&call](std::string_view project) { return call.who.may_touch(project); };
  wanted.search = call.request.query_value("search");
  wanted.after = call.request.query_value("after");
  if (!call.request.query_value("limit").empty()) {
    auto limit = int_query(call.request, "limit", 0, 1, 1000);
    if (!limit) co_return problem(call, limit.error());
    wanted.limit = static_cast<size_t>(*limit);
  }
  co_return route::json_response(s->board->overview(wanted));
}

// Every project handler begins with what the board knows of it.
Task<Result<json::object>> project_of(Shared s, const route::Call& call) {
  auto page = page_of(call.request);
  if (!page) co_return fail(page.error());
  co_return co_await s->board->project(call.target().project, *page);
}

Task<net::Response> project(Shared s, route::Call call) {
  auto found = co_await project_of(s, call);
  if (!found) co_return problem(call, found.error());
  co_return route::json_response(*found);
}

Task<net::Response> builds(Shared s, route::Call call) {
  auto found = co_await project_of(s, call);
  if (!found) co_return problem(call, found.error());
  json::object o;
  o["builds"] = (*found)["builds"];
  o["next"] = (*found)["next"];
  co_return route::json_response(o);
}

Task<net::Response> environments(Shared s, route::Call call) {
  auto found = co_await s->board->project(call.target().project, {1, ""});
  if (!found) co_return problem(call, found.error());
  json::object o;
  o["environments"] = (*found)["project"].as_object()["targets"];
  co_return route::json_response(o);
}

Task<net::Response> environment(Shared s, route::Call call) {
  const Target target = call.target();
  auto found = co_await s->board->project(target.project, {1, ""});
  if (!found) co_return problem(call, found.error());
  std::string names;
  for (const json::value& t : (*found)["project"].as_object()["targets"].as_array()) {
    const std::string_view name = text_or(t.as_object(), "environment");
    if (name == target.environment) co_return route::json_response(t);
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  co_return problem(call,
                    {ErrorCode::not_found, "environment",
                     fmt::format("there is no environment '{}'", target.environment), "there are: " + names});
}

Task<net::Response> drift(Shared s, route::Call call) {
  if (!s->drifts) co_return problem(call, {ErrorCode::unavailable, "drift", "no cluster is asked here"});
  auto found = co_await s->drifts->ask(call.target());
  if (!found) co_return problem(call, found.error());
  co_return route::json_response(*found);
}

Task<net::Response> deliveries(Shared s, route::Call call) {
  auto page = page_of(call.request);
  if (!page) co_return problem(call, page.error());
  auto listing = co_await s->store->deliveries(*page);
  if (!listing) co_return problem(call, listing.error());
  json::array list;
  for (const Delivery& d : listing->items) {
    // Who may see only some projects sees the calls for these, and not those that name none.
    if (!call.who.projects.empty() && !call.who.may_touch(d.project)) continue;
    json::object o = to_json(d);
    if (!call.who.may(access::Role::deployer)) o.erase("body");
    list.push_back(std::move(o));
  }
  json::object o;
  o["deliveries"] = std::move(list);
  o["next"] = listing->next;
  co_return route::json_response(o);
}

}  // namespace

void add_projects(route::Router& router, Shared s) {
  using Function = Task<net::Response> (*)(Shared, route::Call);
  auto get = [&](std::string pattern, std::string summary, Function f, json::object openapi) {
    router.add({.method = "GET",
                .pattern = std::move(pattern),
                .who = route::Who::viewer,
                .kind = route::Kind::api,
                .summary = std::move(summary),
                .handle = [s, f](route::Call call) { return f(s, std::move(call)); },
                .openapi = std::move(openapi)});
  };
  get("/api/v1/projects", "What runs where: all projects in all environments", projects,
      {{"parameters", json::array{query_parameter("search", "string", "what names contain"),
                                  query_parameter("limit", "integer", "1 to 1000; all unless told"),
                                  query_parameter("after", "string", "next of the page before")}},
       {"responses", ok_response("200", "projects x environments", "Overview")}});
  get("/api/v1/projects/{project}", "One project, with its newest builds", project,
      {{"parameters", page_parameters()}, {"responses", ok_response("200", "the project")}});
  get("/api/v1/projects/{project}/builds", "Builds, newest first", builds,
      {{"parameters", page_parameters()}, {"responses", ok_response("200", "a page of builds", "Builds")}});
  get("/api/v1/projects/{project}/environments", "What runs of a project, by environment", environments,
      {{"responses", ok_response("200", "its environments")}});
  get("/api/v1/projects/{project}/environments/{environment}", "What runs in one environment", environment,
      {{"responses", ok_response("200", "the environment", "TargetState")}});
  get("/api/v1/projects/{project}/environments/{environment}/drift",
      "What in the cluster is not as the deploy that serves was applied", drift,
      {{"responses", ok_response("200", "what was deleted or changed by others", "Drift")}});
  get("/api/v1/deliveries", "Hook calls with their verdicts, newest first", deliveries,
      {{"parameters", page_parameters()}, {"responses", ok_response("200", "a page of calls")}});
}

}  // namespace lemmy::api
