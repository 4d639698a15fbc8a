#include "hooks/hooks.h"

#include <fmt/format.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/strings.h"
#include "hooks/build_call.h"

namespace lemmy::hooks {
namespace {

constexpr size_t kLedgerBody = 64 * 1024;
constexpr milliseconds kStoreLimit{10'000};

struct State {
  live::Services services;
  Options options;
  int per_minute = 0;
  std::unique_ptr<access::RateLimiter> limiter;
};
using Shared = std::shared_ptr<State>;

// What is known of a call before anything is looked up.
struct Facts {
  Time at{};
  std::string from, caller, project;
};

void count_verdict(const std::string& verdict) {
  metrics::count("lemmy_hook_calls_total", "Hook calls by verdict",
                 {{"hook", "build"}, {"verdict", verdict}});
}

net::Response with_retry(const Error& e, const std::string& path, int64_t after_seconds) {
  net::Response r = route::problem(e, path);
  r.headers.erase("Retry-After");
  r.headers.emplace("Retry-After", std::to_string(after_seconds));
  return r;
}

net::Response answer(const Error& e, const std::string& path) {
  if (e.code == ErrorCode::unavailable || e.code == ErrorCode::timeout) {
    Error shown = e;
    shown.code = ErrorCode::unavailable;
    if (shown.hint.empty()) shown.hint = "send the same call again; it is counted once";
    return with_retry(shown, path, 5);
  }
  return route::problem(e, path);
}

milliseconds rate_wait(State& state, const net::Request& request) {
  const int per_minute = state.services.config()->access.hooks_per_minute;
  if (!state.limiter || per_minute != state.per_minute) {
    state.limiter = std::make_unique<access::RateLimiter>(per_minute);
    state.per_minute = per_minute;
  }
  return state.limiter->wait(request.remote, Clock::now());
}

// Without access.yaml nobody signs, so a web page somewhere must not be able to push builds through the
// browser of whoever runs this server.
Result<> refuse_browsers(const net::Request& request) {
  const std::string_view site = net::header(request.headers, "Sec-Fetch-Site");
  const bool other = !site.empty() && site != "same-origin" && site != "none";
  if (!other && net::header(request.headers, "Origin").empty()) return {};
  return fail(ErrorCode::forbidden, "Origin", "hooks are not for browsers",
              "call it from a build system, or with `lemmy hook build`");
}

Result<access::HookCaller> identify(const State& state, const net::Request& request, Time now) {
  if (state.options.open && !state.services.config()->has_access) {
    if (auto ok = refuse_browsers(request); !ok) return fail(ok.error());
    return access::HookCaller{"local", {}};
  }
  auto keys = state.options.keys ? state.options.keys() : nullptr;
  const std::vector<access::HookKey> none;
  return access::verify_hook(keys ? keys->keys : none,
                             {.body = request.body,
                              .signature = net::header(request.headers, "X-Lemmy-Signature"),
                              .timestamp = net::header(request.headers, "X-Lemmy-Timestamp"),
                              .authorization = net::header(request.headers, "Authorization")},
                             now);
}

// An id is the caller's own: two build systems that count from 1 do not hide each other's builds.
Result<std::string> delivery_id(const net::Request& request, const std::string& caller) {
  const std::string_view sent = trim(net::header(request.headers, "X-Lemmy-Delivery"));
  if (sent.empty())
    return fmt::format(
        "{}/body-{}", caller,
        sha256_hex(fmt::format("{}.{}", net::header(request.headers, "X-Lemmy-Timestamp"), request.body)));
  if (sent.size() > 128)
    return fail(ErrorCode::invalid, "X-Lemmy-Delivery", "the id is too long", "at most 128 bytes");
  for (unsigned char c : sent)
    if (c <= 0x20 || c >= 0x7f)
      return fail(ErrorCode::invalid, "X-Lemmy-Delivery", "the id has characters that are not allowed",
                  "printable ASCII without spaces");
  return fmt::format("{}/{}", caller, sent);
}

// Refused calls get an id of their own, so that nobody can use up the id of a call that is still to come.
Task<> record_refused(Shared state, Facts facts, std::string body, Error why) {
  Delivery d;
  d.hook = "build";
  d.id = "refused-" + random_hex(12);
  d.at = facts.at;
  d.from = facts.from;
  d.caller = facts.caller;
  d.project = facts.project;
  d.body = std::move(body);
  d.verdict = "refused";
  d.why = shorten(why.str(), 500);
  count_verdict(d.verdict);
  log::info("hook refused", {{"hook", "build"}, {"from", d.from}, {"project", d.project}, {"why", d.why}});
  auto kept = co_await with_deadline(state->services.store->accept(std::move(d), std::nullopt), kStoreLimit,
                                     "the store");
  if (!kept) log::warning("a refused hook call is not in the ledger", {{"why", kept.error().str()}});
}

Task<net::Response> refuse(Shared state, Facts facts, std::string body, Error why, std::string path) {
  co_await record_refused(state, std::move(facts), std::move(body), why);
  co_return answer(why, path);
}

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
  const milliseconds wait = rate_wait(*state, request);
  if (wait.count() > 0) {
    count_verdict("rate_limited");  // not in the ledger: the disk is not for whoever floods us
    co_return with_retry({ErrorCode::rate_limited, "hook", "too many calls from this address",
                          "limits.hooks_per_minute of access.yaml says how many"},
                         path, (wait.count() + 999) / 1000);
  }
  Facts facts{now(), request.remote, "", ""};
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
  if (!caller->may_touch(build->project)) {
    Error e{ErrorCode::forbidden, "project",
            fmt::format("hook {} is not for project {}", caller->name, build->project),
            "hooks." + caller->name + ".projects of access.yaml lists what it is for"};
    co_return co_await refuse(state, facts, kept_body, std::move(e), path);
  }

  const bool known = call.config && call.config->project(build->project);
  Delivery d;
  d.hook = "build";
  d.id = *id;
  d.at = facts.at;
  d.from = facts.from;
  d.caller = facts.caller;
  d.project = facts.project;
  d.body = kept_body;
  d.verdict = known ? "accepted" : "unknown_project";
  auto kept =
      co_await with_deadline(state->services.store->accept(std::move(d), *build), kStoreLimit, "the store");
  if (!kept) {
    count_verdict("failed");
    log::error("hook not taken", {{"project", build->project}, {"why", kept.error().str()}});
    co_return answer(kept.error(), path);
  }
  if (kept->duplicate && kept->delivery.body != kept_body) {
    Error e{ErrorCode::conflict, "X-Lemmy-Delivery", "this id was used before, for another body",
            "give each call an id of its own"};
    co_return co_await refuse(state, facts, kept_body, std::move(e), path);
  }
  count_verdict(kept->duplicate ? "duplicate" : kept->delivery.verdict);
  if (!kept->duplicate) {
    metrics::count("lemmy_builds_accepted_total", "Builds announced by hooks and kept");
    log::info("build accepted", {{"project", build->project},
                                 {"build", build->sha},
                                 {"branch", build->branch},
                                 {"caller", facts.caller}});
    state->services.feed->changed_project(build->project);
  }
  co_return accepted(*kept, *build);
}

json::object operation() {
  auto text = [](std::string_view about) { return json::object{{"type", "string"}, {"description", about}}; };
  json::object properties{{"project", text("1 to 40 lower-case letters, digits and -")},
                          {"sha", text("7 to 40 lower-case hex digits")},
                          {"branch", text("the branch that was built")},
                          {"image", text("reference, best with a digest")},
                          {"url", text("where a person sees the build")},
                          {"author", text("who made the change")},
                          {"message", text("of the commit")},
                          {"timestamp", text("RFC 3339, or seconds since 1970")}};
  json::object schema{{"type", "object"},
                      {"required", json::array{"project", "sha", "branch"}},
                      {"properties", std::move(properties)}};
  json::object content{{"application/json", {{"schema", schema}}},
                       {"application/x-www-form-urlencoded", {{"schema", schema}}}};
  auto header = [](std::string_view name, std::string_view about) {
    return json::object{
        {"name", name}, {"in", "header"}, {"description", about}, {"schema", {{"type", "string"}}}};
  };
  return {{"requestBody", {{"required", true}, {"content", std::move(content)}}},
          {"parameters", json::array{header("X-Lemmy-Signature", "sha256= and the HMAC-SHA256 of the body"),
                                     header("X-Lemmy-Timestamp", "seconds since 1970; signed when sent"),
                                     header("X-Lemmy-Delivery", "the same id again is counted once")}},
          {"responses", {{"202", {{"description", "It is kept; duplicates are answered alike"}}}}}};
}

}  // namespace

void add_routes(route::Router& router, live::Services services, Options options) {
  auto state = std::make_shared<State>(State{std::move(services), std::move(options), 0, nullptr});
  router.add({.method = "POST",
              .pattern = "/hooks/build",
              .who = route::Who::hook,
              .kind = route::Kind::hook,
              .summary = "Announce a build",
              .handle = [state](route::Call call) { return take_build(state, std::move(call)); },
              .openapi = operation()});
}

}  // namespace lemmy::hooks
