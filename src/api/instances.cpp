// Hosts that asked for their build by POST /hooks/instance.
#include <fmt/format.h>

#include "api/common.h"

namespace lemmy::api {
namespace {

Task<net::Response> all(Shared s, route::Call call) {
  auto page = page_of(call.request);
  if (!page) co_return problem(call, page.error());
  live::Board::InstancesWanted wanted;
  wanted.project = call.request.query_value("project");
  wanted.environment = call.request.query_value("environment");
  wanted.state = call.request.query_value("state");
  wanted.page = *page;
  wanted.may = [who = call.who](std::string_view project) { return who.may_touch(project); };
  auto found = co_await s->board->instances(std::move(wanted));
  if (!found) co_return problem(call, found.error());
  co_return route::json_response(*found);
}

Task<net::Response> of_target(Shared s, route::Call call) {
  auto page = page_of(call.request);
  if (!page) co_return problem(call, page.error());
  const Target target = call.target();
  live::Board::InstancesWanted wanted{target.project, target.environment,
                                      std::string(call.request.query_value("state")), *page};
  auto found = co_await s->board->instances(std::move(wanted));
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

Task<net::Response> let_go(Shared s, route::Call call) {
  auto body = route::body_object(call.request);
  if (!body) co_return problem(call, body.error());
  const std::string id(text_or(*body, "instance_id"));
  auto gone = co_await s->instances->let_go(call.target(), id);
  if (!gone) co_return problem(call, gone.error());
  co_return route::json_response(json::object{{"instance_id", id}});
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
  const json::object state =
      query_parameter("state", "string", "only of this state; without it all but those that are gone");
  filter.push_back(state);
  json::array of_one = page_parameters();
  of_one.push_back(state);
  const json::object listed = ok_response("200", "hosts that asked for their build, newest call first");
  add("GET", "/api/v1/instances", route::Who::viewer, "Hosts that asked for their build", all,
      {{"parameters", filter}, {"responses", listed}});
  add("GET", target + "/instances", route::Who::viewer, "Hosts of a target that asked for their build",
      of_target, {{"parameters", of_one}, {"responses", listed}});
  add("POST", target + "/instances/run", route::Who::deployer, "Run the playbook on a host again", run_again,
      {{"requestBody",
        json_body({{"instance_id", {{"type", "string"}, {"description", "one that called before"}}}},
                  {"instance_id"})},
       {"responses", ok_response("202", "it is in line")}});
  add("POST", target + "/instances/forget", route::Who::deployer, "Let go of a host that is no more", let_go,
      {{"requestBody",
        json_body({{"instance_id", {{"type", "string"}, {"description", "one that called before"}}}},
                  {"instance_id"})},
       {"responses", ok_response("200", "it is not listed until it calls again")}});
  add("GET", target + "/instance-runs/{run}/log", route::Who::viewer,
      "What a playbook run on hosts that booted printed", run_log,
      {{"responses", {{"200", {{"description", "the log"}}}}}});
}

}  // namespace lemmy::api
