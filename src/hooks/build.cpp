// POST /hooks/build
#include <fmt/format.h>

#include "base/log.h"
#include "base/metrics.h"
#include "base/strings.h"
#include "hooks/build_call.h"
#include "hooks/common.h"

namespace lemmy::hooks {
namespace {

constexpr std::string_view kBuildsHelp = "Builds announced by hooks and kept";

net::Response accepted(const store::Accepted& a, const Build& build) {
  net::Response r = route::json_response(json::object{{"delivery", a.delivery.id},
                                                      {"duplicate", a.duplicate},
                                                      {"known", a.delivery.verdict != "unknown_project"},
                                                      {"build", to_json(build)}},
                                         202);
  r.headers.emplace("Location", "/projects/" + build.project);
  return r;
}

Task<net::Response> take_build(Shared state, route::Call call) {
  const net::Request& request = call.request;
  const std::string path = request.path;
  if (auto wait = flood(state, "build", request)) co_return std::move(*wait);
  Facts facts{"build", now(), request.remote, "", ""};
  auto caller = identify(*state, request, facts.at);
  if (!caller) co_return co_await refuse(state, facts, "", caller.error(), path);
  facts.caller = caller->name;
  const std::string kept_body = shorten(valid_utf8(request.body), kLedgerBody - 8);
  auto id = delivery_id(request, caller->name);
  if (!id) co_return co_await refuse(state, facts, kept_body, id.error(), path);
  auto body = route::body_object(request);
  if (!body) co_return co_await refuse(state, facts, kept_body, body.error(), path);
  facts.project = shorten(valid_utf8(text_or(*body, "project")), 64);
  auto build = read_build(*body, facts.at);
  if (!build) co_return co_await refuse(state, facts, kept_body, build.error(), path);
  facts.project = build->project;
  facts.build = build->sha;
  if (!caller->may_touch(build->project)) {
    Error e{ErrorCode::forbidden, "project",
            fmt::format("hook {} is not for project {}", caller->name, build->project),
            "hooks." + caller->name + ".projects of access.yaml lists what it is for"};
    co_return co_await refuse(state, facts, kept_body, std::move(e), path);
  }

  const bool known = call.config && call.config->project(build->project);
  Delivery d = entry(facts, *id, kept_body, known ? "accepted" : "unknown_project");
  auto kept =
      co_await with_deadline(state->services.store->accept(std::move(d), *build), kStoreLimit, "the store");
  if (!kept) {
    count_verdict("build", "failed");
    log::error("hook not taken", {{"project", build->project},
                                  {"build", build->sha},
                                  {"hook", "build"},
                                  {"what", kept.error().str()}});
    co_return answer(kept.error(), path);
  }
  if (kept->duplicate && kept->delivery.body != kept_body) {
    Error e{ErrorCode::conflict, "X-Lemmy-Delivery", "this id was used before, for another body",
            "give each call an id of its own"};
    co_return co_await refuse(state, facts, kept_body, std::move(e), path);
  }
  count_verdict("build", kept->duplicate ? "duplicate" : kept->delivery.verdict);
  if (!kept->duplicate) {
    metrics::count("lemmy_builds_accepted_total", kBuildsHelp);
    log::info("build accepted", {{"project", build->project},
                                 {"build", build->sha},
                                 {"branch", build->branch},
                                 {"caller", facts.caller}});
    state->services.feed->changed_project(build->project);
  }
  co_return accepted(*kept, kept->build ? *kept->build : *build);  // retention may have let it go
}

json::object build_operation() {
  auto text = [](std::string_view about) { return json::object{{"type", "string"}, {"description", about}}; };
  json::object properties{{"project", text("1 to 40 lower-case letters, digits and -")},
                          {"sha", text("7 to 64 lower-case hex digits")},
                          {"branch", text("the branch that was built")},
                          {"image", text("reference, best with a digest")},
                          {"url", text("where a person sees the build")},
                          {"author", text("who made the change")},
                          {"message", text("of the commit")},
                          {"timestamp", text("when it was built: RFC 3339, or seconds since 1970")}};
  return {{"requestBody", call_body(std::move(properties), {"project", "sha", "branch"})},
          {"parameters",
           json::array{header_parameter("X-Lemmy-Signature", "sha256= or v2= and an HMAC-SHA256"),
                       header_parameter("X-Lemmy-Timestamp", "seconds since 1970; signed when sent"),
                       header_parameter("X-Lemmy-Delivery", "the same id again is counted once")}},
          {"responses",
           {{"202",
             {{"description",
               "It is kept, and `build` is what is kept of it; a repeated call gets the same delivery, and "
               "`duplicate` true"}}}}}};
}

}  // namespace

void add_build(route::Router& router, Shared state) {
  show_verdicts("build");
  metrics::count("lemmy_builds_accepted_total", kBuildsHelp, {}, 0);
  router.add({.method = "POST",
              .pattern = "/hooks/build",
              .who = route::Who::hook,
              .kind = route::Kind::hook,
              .summary = "Announce a build",
              .handle = [state](route::Call call) { return take_build(state, std::move(call)); },
              .openapi = build_operation()});
}

}  // namespace lemmy::hooks
