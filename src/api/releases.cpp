// One build on several environments, asked for and rolled back together.
#include "api/common.h"

namespace lemmy::api {
namespace {

release::Releases releases_of(const live::Services& s) { return {s.conductor, s.store, s.config}; }

Task<net::Response> answer(Shared s, route::Call call, release::Release release, int status) {
  auto json = co_await s->board->release(release.project, release.id);
  if (!json) co_return problem(call, json.error());
  if (status == 202) (*json)["warnings"] = warnings(*s, call.who);
  net::Response r = route::json_response(*json, status);
  if (status == 202)
    r.headers.emplace("Location", "/api/v1/projects/" + release.project + "/releases/" + release.id);
  co_return r;
}

Result<release::ReleaseRequest> read_request(const route::Call& call) {
  auto body = route::body_object(call.request);
  if (!body) return fail(body.error());
  if (auto ok = check_keys(*body, {"build", "environments", "reason", "csrf"}); !ok) return fail(ok.error());
  auto build = body_build(*body);
  if (!build) return fail(build.error());
  auto environments = body_names(*body, "environments");
  if (!environments) return fail(environments.error());
  auto reason = body_reason(*body);
  if (!reason) return fail(reason.error());
  auto key = idempotency_key(call.request);
  if (!key) return fail(key.error());
  return release::ReleaseRequest{call.param("project"), *build, *environments, call.who.name, *reason, *key};
}

Task<net::Response> ask(Shared s, route::Call call) {
  auto request = read_request(call);
  if (!request) co_return problem(call, request.error());
  if (auto ok = route::may_deploy(call, request->environments); !ok) co_return problem(call, ok.error());
  auto releases = releases_of(*s);
  auto made = co_await live::in_time(releases.request(*request));
  if (!made) co_return problem(call, made.error());
  co_return co_await answer(s, std::move(call), std::move(*made), 202);
}

Task<net::Response> show(Shared s, route::Call call) {
  release::Release release{call.param("release"), call.param("project"), {}};
  co_return co_await answer(s, std::move(call), std::move(release), 200);
}

Task<net::Response> roll_back(Shared s, route::Call call) {
  auto body = route::body_object(call.request);
  if (!body) co_return problem(call, body.error());
  if (auto ok = check_keys(*body, {"reason", "partial", "csrf"}); !ok) co_return problem(call, ok.error());
  auto reason = body_reason(*body);
  if (!reason) co_return problem(call, reason.error());
  auto partial = body_bool(*body, "partial");
  if (!partial) co_return problem(call, partial.error());
  auto key = idempotency_key(call.request);
  if (!key) co_return problem(call, key.error());
  auto releases = releases_of(*s);
  auto old = co_await releases.find(call.param("project"), call.param("release"));
  if (!old) co_return problem(call, old.error());
  std::vector<std::string> environments;
  for (const Deploy& d : old->deploys) environments.push_back(d.target.environment);
  if (auto ok = route::may_deploy(call, environments); !ok) co_return problem(call, ok.error());
  release::ReleaseRollBack request{old->project, old->id, call.who.name, *reason, *key, *partial};
  auto made = co_await live::in_time(releases.roll_back(std::move(request)));
  if (!made) co_return problem(call, made.error());
  co_return co_await answer(s, std::move(call), std::move(*made), 202);
}

}  // namespace

void add_releases(route::Router& router, Shared s) {
  const std::string all = "/api/v1/projects/{project}/releases", one = all + "/{release}";
  auto add = [&](std::string method, std::string pattern, route::Who who, std::string summary,
                 route::Handle handle, json::object openapi) {
    router.add({std::move(method), std::move(pattern), who, route::Kind::api, std::move(summary),
                std::move(handle), std::move(openapi)});
  };
  json::object names{{"type", "array"}, {"items", {{"type", "string"}}}};
  json::object body = json_body({{"build", text_schema("sha, or its first 7 digits or more")},
                                 {"environments", std::move(names)},
                                 {"reason", text_schema("for the history")}},
                                {"build", "environments"});
  add("POST", all, route::Who::deployer, "Deploy a build to several environments together",
      [s](route::Call c) { return ask(s, std::move(c)); },
      {{"parameters", json::array{key_parameter()}},
       {"requestBody", std::move(body)},
       {"responses", ok_response("202", "all are accepted; Location is the release", "Release")}});
  add("GET", one, route::Who::viewer, "A release: its deploys, and what rolling it back would do",
      [s](route::Call c) { return show(s, std::move(c)); },
      {{"responses", ok_response("200", "the release", "Release")}});
  json::object back =
      json_body({{"reason", text_schema("for the history")}, {"partial", {{"type", "boolean"}}}});
  add("POST", one + "/rollback", route::Who::deployer,
      "Every environment goes back to what ran before; `partial` also when some cannot",
      [s](route::Call c) { return roll_back(s, std::move(c)); },
      {{"parameters", json::array{key_parameter()}},
       {"requestBody", std::move(back)},
       {"responses", ok_response("202", "accepted; Location is the new release", "Release")}});
}

}  // namespace lemmy::api
