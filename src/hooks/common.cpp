#include "hooks/common.h"

#include <fmt/format.h>

#include "base/crypto.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/strings.h"
#include "net/connections.h"

namespace lemmy::hooks {

void count_verdict(const char* hook, const std::string& verdict, double by) {
  metrics::count("lemmy_hook_calls_total", "Hook calls by verdict", {{"hook", hook}, {"verdict", verdict}},
                 by);
}

void show_verdicts(const char* hook) {
  for (const char* verdict :
       {"accepted", "duplicate", "unknown_project", "refused", "failed", "rate_limited"})
    count_verdict(hook, verdict, 0);
}

static net::Response with_retry(const Error& e, const std::string& path, int64_t after_seconds) {
  net::Response r = route::problem(e, path);
  r.headers.erase("Retry-After");
  r.headers.emplace("Retry-After", std::to_string(after_seconds));
  return r;
}

net::Response answer(const Error& e, const std::string& path) {
  if (e.code == ErrorCode::unavailable || e.code == ErrorCode::timeout) {
    Error shown = e;
    shown.code = ErrorCode::unavailable;
    shown.where = "store";  // its path or address is not for callers
    if (shown.hint.empty()) shown.hint = "send the same call again; it is counted once";
    return with_retry(shown, path, 5);
  }
  return route::problem(e, path);
}

static milliseconds rate_wait(State& state, const net::Request& request) {
  state.limiter.limit(state.services.config()->access.hooks_per_minute);
  return state.limiter.wait(net::one_caller(request.remote), Clock::now());
}

// Strangers at the same address, as behind a proxy that is not trusted, hold up no build system: one that
// proves itself has as many calls of its own.
static bool is_proven(State& state, const net::Request& request) {
  if (state.options.open || request.body.size() > kLedgerBody) return false;
  auto caller = identify(state, request, now());
  return caller && state.limiter.wait("proven\n" + caller->name, Clock::now()).count() <= 0;
}

// Without access.yaml nobody signs, so a web page somewhere must not be able to push builds through the
// browser of whoever runs this server.
static Result<> refuse_browsers(const net::Request& request) {
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
                              .authorization = net::header(request.headers, "Authorization"),
                              .delivery = trim(net::header(request.headers, "X-Lemmy-Delivery")),
                              .path = request.path,
                              .has_query = !request.query.empty()},
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

Delivery entry(const Facts& facts, std::string id, std::string body, std::string verdict) {
  Delivery d;
  d.hook = facts.hook;
  d.id = std::move(id);
  d.at = facts.at;
  d.from = facts.from;
  d.caller = facts.caller;
  d.project = facts.project;
  d.body = std::move(body);
  d.verdict = std::move(verdict);
  return d;
}

// Refused calls get an id of their own, so that nobody can use up the id of a call that is still to come.
static Task<> record_refused(Shared state, Facts facts, std::string body, Error why) {
  Delivery d = entry(facts, "refused-" + random_hex(12), std::move(body), "refused");
  d.why = shorten(why.str(), 500);
  count_verdict(facts.hook, d.verdict);
  log::info("hook refused", {{"project", facts.project},
                             {"environment", facts.environment},
                             {"build", facts.build},
                             {"hook", d.hook},
                             {"from", d.from},
                             {"what", d.why}});
  auto kept = co_await with_deadline(state->services.store->accept(std::move(d), std::nullopt), kStoreLimit,
                                     "the store");
  if (!kept)
    log::warning("a refused hook call is not in the ledger", {{"project", facts.project},
                                                              {"environment", facts.environment},
                                                              {"build", facts.build},
                                                              {"hook", facts.hook},
                                                              {"what", kept.error().str()}});
}

Task<net::Response> refuse(Shared state, Facts facts, std::string body, Error why, std::string path) {
  co_await record_refused(state, std::move(facts), std::move(body), why);
  co_return answer(why, path);
}

std::optional<net::Response> flood(Shared state, const char* hook, const net::Request& request) {
  const milliseconds wait = rate_wait(*state, request);
  if (wait.count() <= 0 || is_proven(*state, request)) return std::nullopt;
  count_verdict(hook, "rate_limited");  // not in the ledger: the disk is not for whoever floods us
  return with_retry({ErrorCode::rate_limited, "hook", "too many calls from this address",
                     "limits.hooks_per_minute of access.yaml says how many"},
                    request.path, (wait.count() + 999) / 1000);
}

json::object header_parameter(std::string_view name, std::string_view about) {
  return {{"name", name}, {"in", "header"}, {"description", about}, {"schema", {{"type", "string"}}}};
}

json::object call_body(json::object properties, json::array required) {
  json::object schema{
      {"type", "object"}, {"required", std::move(required)}, {"properties", std::move(properties)}};
  json::object content{{"application/json", {{"schema", schema}}},
                       {"application/x-www-form-urlencoded", {{"schema", schema}}}};
  return {{"required", true}, {"content", std::move(content)}};
}

}  // namespace lemmy::hooks
