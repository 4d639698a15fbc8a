// Hosts that asked for their build by POST /hooks/instance.
#include <fmt/format.h>

#include "api/common.h"

namespace lemmy::api {
namespace {

Task<net::Response> all(Shared s, route::Call call) {
  auto page = page_of(call.request);
  if (!page) co_return problem(call, page.error());
  auto found = co_await s->board->instances(std::string(call.request.query_value("project")),
                                            std::string(call.request.query_value("environment")), *page);
  if (!found) co_return problem(call, found.error());
  json::array mine;
  for (json::value& i : (*found)["instances"].as_array())
    if (call.who.may_touch(text_or(i.as_object(), "project"))) mine.push_back(std::move(i));
  (*found)["instances"] = std::move(mine);
  co_return route::json_response(*found);
}

Task<net::Response> of_target(Shared s, route::Call call) {
  auto page = page_of(call.request);
  if (!page) co_return problem(call, page.error());
  const Target target = call.target();
  auto found = co_await s->board->instances(target.project, target.environment, *page);
  if (!found) co_return problem(call, found.error());
  co_return route::json_response(*found);
}

Task<net::Response> run_log(Shared s, route::Call call) {
  auto text = co_await s->board->instance_log(call.target(), call.param("run"));
  if (!text) co_return problem(call, text.error());
  net::Response r;
  r.headers.emplace("Content-Type", "text/plain; charset=utf-8");
  r.body = std::move(*text);
  co_return r;
}

// As if the instance had called itself.
Task<net::Response> run_again(Shared s, route::Call call) {
  auto body = route::body_object(call.request);
  if (!body) co_return problem(call, body.error());
  const std::string id(text_or(*body, "instance_id"));
  auto asked = co_await s->instances->run_again(call.target(), id, call.who.name, call.request.remote);
  if (!asked) co_return problem(call, asked.error());
  co_return route::json_response(json::object{{"instance_id", id}}, 202);
}

}  // namespace

void add_instances(route::Router& router, Shared s) {
  using Function = Task<net::Response> (*)(Shared, route::Call);
  auto add = [&](std::string method, std::string pattern, route::Who who, std::string summary, Function f,
                 json::object openapi) {
    router.add({.method = std::move(method),
                .pattern = std::move(pattern),
                .who = who,
                .kind = route::Kind::api,
                .summary = std::move(summary),
                .handle = [s, f](route::Call call) { return f(s, std::move(call)); },
                .openapi = std::move(openapi)});
  };
  const std::string target = "/api/v1/projects/{project}/environments/{environment}";
  json::array filter = page_parameters();
  filter.push_back(query_parameter("project", "string", "only of this project"));
  filter.push_back(query_parameter("environment", "string", "only of this environment"));
  const json::object listed = ok_response("200", "hosts that asked for their build, newest call first");
  add("GET", "/api/v1/instances", route::Who::viewer, "Hosts that asked for their build", all,
      {{"parameters", filter}, {"responses", listed}});
  add("GET", target + "/instances", route::Who::viewer, "Hosts of a target that asked for their build",
      of_target, {{"parameters", page_parameters()}, {"responses", listed}});
  add("POST", target + "/instances/run", route::Who::deployer, "Run the playbook on a host again", run_again,
      {{"requestBody",
        json_body({{"instance_id", {{"type", "string"}, {"description", "one that called before"}}}},
                  {"instance_id"})},
       {"responses", ok_response("202", "it is in line")}});
  add("GET", target + "/instance-runs/{run}/log", route::Who::viewer,
      "What a playbook run on hosts that booted printed", run_log,
      {{"responses", {{"200", {{"description", "the log"}}}}}});
}

}  // namespace lemmy::api
