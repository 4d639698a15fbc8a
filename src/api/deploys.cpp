// Deploys: listed, asked for, acted on, with their documents and logs.
#include <fmt/format.h>

#include <algorithm>

#include "api/common.h"
#include "base/strings.h"
#include "domain/names.h"

namespace lemmy::api {
namespace {

constexpr milliseconds kLogLimit{14'000};

json::object serving_schema() {
  return {{"type", "integer"},
          {"minimum", 0},
          {"description", "what serves as far as you know, 0 for nothing: conflict when that has changed"}};
}

net::Response accepted(const live::Services& s, const Deploy& d, json::array warnings = {}) {
  json::object told = s.board->deploy_json(d);
  told["warnings"] = std::move(warnings);
  net::Response r = route::json_response(told, 202);
  r.headers.emplace("Location", deploy_path(d.target, d.number));
  return r;
}

// Of a target that there is: else its error, which says what there is.
Result<int64_t> number_in(const live::Services& s, const route::Call& call) {
  if (auto ok = s.conductor->check_known(call.target()); !ok) return fail(ok.error());
  return number_of(call);
}

Task<net::Response> list(Shared s, route::Call call) {
  if (auto ok = s->conductor->check_known(call.target()); !ok) co_return problem(call, ok.error());
  auto page = page_of(call.request);
  if (!page) co_return problem(call, page.error());
  auto found = co_await s->board->deploys(call.target(), *page);
  if (!found) co_return problem(call, found.error());
  co_return route::json_response(*found);
}

Result<deploy::Request> read_request(const route::Call& call) {
  auto body = route::body_object(call.request);
  if (!body) return fail(body.error());
  if (auto ok = check_keys(*body, {"build", "reason", "serving", "csrf"}); !ok) return fail(ok.error());
  auto build = body_build(*body);
  if (!build) return fail(build.error());
  auto reason = body_reason(*body);
  if (!reason) return fail(reason.error());
  auto key = idempotency_key(call.request);
  if (!key) return fail(key.error());
  auto serving = body_number(*body, "serving");
  if (!serving) return fail(serving.error());
  return deploy::Request{call.target(), *build, call.who.name, *reason, *key, "", *serving};
}

Task<net::Response> ask(Shared s, route::Call call) {
  auto request = read_request(call);
  if (!request) co_return problem(call, request.error());
  auto deploy = co_await live::in_time(s->conductor->request(*request));
  if (!deploy) co_return problem(call, deploy.error());
  co_return accepted(*s, *deploy, warnings(*s, call.who));
}

Task<net::Response> status(Shared s, route::Call call) {
  auto number = number_in(*s, call);
  if (!number) co_return problem(call, number.error());
  auto found = co_await s->board->status(call.target(), *number);
  if (!found) co_return problem(call, found.error());
  co_return route::json_response(*found);
}

Task<net::Response> failure(Shared s, route::Call call) {
  auto number = number_in(*s, call);
  if (!number) co_return problem(call, number.error());
  auto found = co_await s->board->failure(call.target(), *number);
  if (!found) co_return problem(call, found.error());
  co_return route::json_response(*found);
}

Task<net::Response> rollback_preview(Shared s, route::Call call) {
  auto number = number_in(*s, call);
  if (!number) co_return problem(call, number.error());
  auto at_once = bool_query(call.request, "at_once");
  if (!at_once) co_return problem(call, at_once.error());
  auto found = co_await s->board->rollback_preview(call.target(), *number, *at_once);
  if (!found) co_return problem(call, found.error());
  co_return route::json_response(*found);
}

Result<deploy::Act> read_act(const live::Services& s, const route::Call& call) {
  auto number = number_in(s, call);
  if (!number) return fail(number.error());
  auto action = deploy::action_from(call.param("action"));
  if (!action)
    return fail(ErrorCode::not_found, "action",
                fmt::format("there is no action '{}'", shorten(call.param("action"), 40)),
                "there are: cancel, zero, delete, restore, rollback, accept");
  auto body = route::body_object(call.request);
  if (!body) return fail(body.error());
  if (auto ok = check_keys(*body, {"reason", "confirm", "at_once", "serving", "csrf"}); !ok)
    return fail(ok.error());
  auto reason = body_reason(*body);
  if (!reason) return fail(reason.error());
  auto confirmed = body_bool(*body, "confirm");
  if (!confirmed) return fail(confirmed.error());
  auto at_once = body_bool(*body, "at_once");
  if (!at_once) return fail(at_once.error());
  if (*at_once && *action != deploy::Action::rollback)
    return fail(ErrorCode::invalid, "at_once", "only a roll back takes out what serves at once");
  auto key = idempotency_key(call.request);
  if (!key) return fail(key.error());
  auto serving = body_number(*body, "serving");
  if (!serving) return fail(serving.error());
  return deploy::Act{call.target(), *number,    *action, call.who.name, *reason,
                     *key,          *confirmed, "",      *at_once,      *serving};
}

Task<net::Response> act(Shared s, route::Call call) {
  auto wanted = read_act(*s, call);
  if (!wanted) co_return problem(call, wanted.error());
  auto deploy = co_await live::in_time(s->conductor->act(*wanted));
  if (!deploy) co_return problem(call, deploy.error());
  co_return accepted(*s, *deploy);
}

Task<net::Response> document(Shared s, route::Call call, std::string name) {
  auto number = number_in(*s, call);
  if (!number) co_return problem(call, number.error());
  auto text = co_await s->store->document(call.target(), *number, name);
  if (!text) co_return problem(call, text.error());
  net::Response r;
  const bool is_json = text->starts_with('{') || text->starts_with('[');
  r.headers.emplace("Content-Type", is_json ? "application/json" : "text/plain; charset=utf-8");
  r.body = std::move(*text);
  co_return r;
}

Task<net::Response> pod_log(Shared s, route::Call call) {
  auto number = number_in(*s, call);
  if (!number) co_return problem(call, number.error());
  const std::string pod(call.request.query_value("pod")), container(call.request.query_value("container"));
  if (pod.empty()) {
    // A deploy to hosts has one log, its run's.
    auto run = co_await s->board->run_log(call.target(), *number);
    if (!run) co_return problem(call, run.error());
    net::Response r;
    r.headers.emplace("Content-Type", "text/plain; charset=utf-8");
    r.body = std::move(*run);
    co_return r;
  }
  if (pod.size() > 253 || container.size() > 63)
    co_return problem(call, {ErrorCode::invalid, "pod", "no pod or container has so long a name"});
  auto previous = bool_query(call.request, "previous");
  if (!previous) co_return problem(call, previous.error());
  auto lines = int_query(call.request, "lines", 200, 1, 5000);
  if (!lines) co_return problem(call, lines.error());
  auto text = co_await with_deadline(
      s->board->pod_log(call.target(), *number, pod, container, *previous, static_cast<int>(*lines)),
      kLogLimit, "log of " + pod);
  if (!text) co_return problem(call, text.error());
  net::Response r;
  r.headers.emplace("Content-Type", "text/plain; charset=utf-8");
  r.body = valid_utf8(*text);
  co_return r;
}

}  // namespace

void add_deploys(route::Router& router, Shared s) {
  const std::string all = "/api/v1/projects/{project}/environments/{environment}/deploys";
  const std::string one = all + "/{number}";
  auto add = [&](std::string method, std::string pattern, route::Who who, std::string summary,
                 route::Handle handle, json::object openapi) {
    router.add({std::move(method), std::move(pattern), who, route::Kind::api, std::move(summary),
                std::move(handle), std::move(openapi)});
  };
  add("GET", all, route::Who::viewer, "Deploys, newest first",
      [s](route::Call c) { return list(s, std::move(c)); },
      {{"parameters", page_parameters()}, {"responses", ok_response("200", "a page of deploys", "Deploys")}});
  json::object body = json_body({{"build", text_schema("sha, or its first 7 digits or more")},
                                 {"reason", text_schema("for the history")},
                                 {"serving", serving_schema()}},
                                {"build"});
  add("POST", all, route::Who::deployer, "Deploy a build",
      [s](route::Call c) { return ask(s, std::move(c)); },
      {{"parameters", json::array{key_parameter()}},
       {"requestBody", std::move(body)},
       {"responses", ok_response("202", "accepted; Location is the deploy", "Deploy")}});
  add("GET", one, route::Who::viewer, "One deploy: phases, pods, events, cause, previous deploys",
      [s](route::Call c) { return status(s, std::move(c)); },
      {{"responses", ok_response("200", "the deploy's status", "Status")}});
  add("GET", one + "/failure", route::Who::viewer,
      "Why it failed or what troubles it: cause, a sample of pods that fail alike, what differs from the "
      "last "
      "good deploy",
      [s](route::Call c) { return failure(s, std::move(c)); },
      {{"responses", ok_response("200", "the explanation", "Failure")}});
  add("GET", one + "/rollback-preview", route::Who::viewer, "What a roll back to it would change now",
      [s](route::Call c) { return rollback_preview(s, std::move(c)); },
      {{"parameters", json::array{query_parameter("at_once", "boolean", "as of a roll back at once")}},
       {"responses", ok_response("200", "the preview", "RollbackPreview")}});
  json::object acting = json_body({{"reason", text_schema("for the history")},
                                   {"confirm", {{"type", "boolean"}}},
                                   {"at_once", {{"type", "boolean"}, {"description", "of a roll back"}}},
                                   {"serving", serving_schema()}});
  add("POST", one + "/{action}", route::Who::deployer,
      "cancel, zero, delete, restore, rollback or accept; `confirm` also for the deploy that serves",
      [s](route::Call c) { return act(s, std::move(c)); },
      {{"parameters", json::array{key_parameter()}},
       {"requestBody", std::move(acting)},
       {"responses", ok_response("202", "accepted; Location is the deploy, or the new one", "Deploy")}});
  for (const char* name : {"manifests", "final", "environment"})
    add("GET", one + "/" + name, route::Who::viewer, fmt::format("The deploy's {} as it was applied", name),
        [s, name = std::string(name)](route::Call c) { return document(s, std::move(c), name); },
        {{"responses", ok_response("200", "the document")}});
  add("GET", one + "/origins", route::Who::viewer,
      "Where each field of the manifests and the final JSON came from",
      [s](route::Call c) { return document(s, std::move(c), "origins"); },
      {{"responses", ok_response("200", "fields by object, with template, line, keys and stamps")}});
  json::array of_log{query_parameter("pod", "string", "name of the pod"),
                     query_parameter("container", "string", "the one that kubectl logs takes unless given"),
                     query_parameter("previous", "boolean", "of the container before its restart"),
                     query_parameter("lines", "integer", "1 to 5000; 200 unless given")};
  add("GET", one + "/log", route::Who::viewer, "The log of one container, or of the playbook run",
      [s](route::Call c) { return pod_log(s, std::move(c)); },
      {{"parameters", std::move(of_log)},
       {"responses",
        {{"200", {{"description", "the log"}, {"content", {{"text/plain", json::object{}}}}}}}}});
}

}  // namespace lemmy::api
