#include "route/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "base/crypto.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/strings.h"
#include "route/guard.h"

namespace lemmy::route {
namespace {

std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> out;
  for (std::string_view s : split(path.substr(1), '/')) out.emplace_back(s);
  return out;
}
bool is_variable(std::string_view s) { return s.size() > 2 && s.front() == '{' && s.back() == '}'; }

bool fits(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  if (pattern.size() != path.size()) return false;
  for (size_t i = 0; i < path.size(); ++i)
    if (is_variable(pattern[i]) ? path[i].empty() : pattern[i] != path[i]) return false;
  return true;
}
// A literal segment is nearer than a variable one.
int literals(const std::vector<std::string>& pattern) {
  return static_cast<int>(
      std::count_if(pattern.begin(), pattern.end(), [](auto& s) { return !is_variable(s); }));
}

// Only words of the route table are labels: a caller's path and method could be anything.
void observe(const Route* route, int status, Clock::duration took) {
  metrics::observe("lemmy_http_request_duration_seconds",
                   "From a request to the beginning of its answer, by route and class of status",
                   {{"method", route ? route->method : "other"},
                    {"route", route ? route->pattern : "none"},
                    {"status", fmt::format("{}xx", status / 100)}},
                   std::chrono::duration<double>(took).count(), metrics::Buckets::calls);
}

Task<Result<net::Response>> as_result(Task<net::Response> handler) { co_return co_await std::move(handler); }

Error too_late(const Call& call, milliseconds limit) {
  const bool reads = call.request.method == "GET" || call.request.method == "HEAD";
  return {ErrorCode::unavailable, call.request.path,
          fmt::format("the store or a cluster behind it gave no answer within {} s", limit.count() / 1000),
          reads ? "ask again; /readyz and `lemmy status` say what is in trouble"
                : "it may have been done: look, or ask again with the same Idempotency-Key"};
}

}  // namespace

std::string_view name(Who who) {
  constexpr std::string_view names[] = {"anyone", "hook", "viewer", "deployer", "admin"};
  return names[static_cast<size_t>(who)];
}

const std::string& Call::param(std::string_view name) const {
  auto it = request.params.find(name);
  if (it == request.params.end())
    throw std::logic_error(fmt::format("the route has no parameter '{}'", name));
  return it->second;
}

Target Call::target() const {
  auto get = [&](std::string_view name) {
    auto it = request.params.find(name);
    return it == request.params.end() ? std::string() : it->second;
  };
  return {get("project"), get("environment")};
}

Result<> may_deploy(const Call& call, const std::vector<std::string>& environments) {
  const std::string& project = call.param("project");
  for (const std::string& e : environments)
    if (auto ok = access::check(call.who, access::Role::deployer, *call.config, {project, e}); !ok) return ok;
  return {};
}

Router::Router(Settings settings)
    : settings_(std::move(settings)),
      nobody_csrf_(to_hex(hmac_sha256(settings_.session_key, "csrf\nnobody"))) {}

void Router::set_error_page(std::function<net::Response(const Call&, const Error&)> make) {
  settings_.error_page = std::move(make);
}

void Router::add(Route route) {
  if (!route.pattern.starts_with('/') || !route.handle)
    throw std::logic_error("a route needs a handler and a pattern that begins with '/': " + route.pattern);
  for (const Route& r : routes_)
    if (r.pattern == route.pattern && r.method == route.method)
      throw std::logic_error("two routes for " + route.method + " " + route.pattern);
  segments_.push_back(segments_of(route.pattern));
  routes_.push_back(std::move(route));
}

Task<net::Response> Router::handle(net::Request request) {
  const config::PublicUrl at = settings_.config()->access.public_url;
  take_root_off(request, at.path);
  std::string path = request.path;
  net::Response response;
  std::string failure;
  try {
    response = co_await run(std::move(request));
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::operation_aborted) throw;
    failure = e.what();
  } catch (const std::exception& e) {
    failure = e.what();
  }
  if (!failure.empty()) {
    log::error("a handler ended by an exception", {{"path", path}, {"what", failure}});
    response = problem(
        {ErrorCode::internal, path, "something went wrong inside Lemmy", "the server's log says more"});
  }
  add_security_headers(response);
  put_root_on(response, at.path);
  co_return response;
}

struct Router::Match {
  const Route* route = nullptr;  // none: nothing is there, or not by this method
  static Task<net::Response> answer(Router* self, net::Request request, Match* match);
};

Task<net::Response> Router::run(net::Request request) {
  const auto began = Clock::now();
  Match match;
  try {
    net::Response response = co_await Match::answer(this, std::move(request), &match);
    observe(match.route, response.status, Clock::now() - began);
    co_return response;
  } catch (const boost::system::system_error& e) {
    if (e.code() != asio::error::operation_aborted) observe(match.route, 500, Clock::now() - began);
    throw;
  } catch (...) {
    observe(match.route, 500, Clock::now() - began);
    throw;
  }
}

struct Router::Found {
  const Route* route = nullptr;  // none: nothing is there, or not by this method
  std::string allow;             // the methods of what is there
  std::optional<Kind> kind;      // of that
  std::map<std::string, std::string, std::less<>> params;
};

Router::Found Router::look_up(const std::string& method, const std::vector<std::string>& path) const {
  Found found;
  size_t at = 0;
  int nearest_fit = -1;
  for (size_t i = 0; i < routes_.size(); ++i) {
    if (!fits(segments_[i], path)) continue;
    found.kind = routes_[i].kind;
    found.allow += (found.allow.empty() ? "" : ", ") + routes_[i].method;
    int n = literals(segments_[i]);
    if (routes_[i].method != method || n <= nearest_fit) continue;
    nearest_fit = n;
    found.route = &routes_[i];
    at = i;
  }
  if (!found.route) return found;
  for (size_t i = 0; i < path.size(); ++i)
    if (const std::string& s = segments_[at][i]; is_variable(s))
      found.params[s.substr(1, s.size() - 2)] = path[i];
  return found;
}

Result<> Router::authorize(const Call& call, const Route& route) {
  if (route.who < Who::viewer) return {};
  auto role = static_cast<access::Role>(static_cast<int>(route.who) - static_cast<int>(Who::viewer));
  const Target target = call.target();
  Result<> allowed = access::check(call.who, role, *call.config, target);
  if (target.project.empty() && !allowed && call.who.may(role)) return {};  // lists filter by project
  return allowed;
}

Task<net::Response> Router::Match::answer(Router* self, net::Request request, Match* match) {
  Call call;
  call.config = self->settings_.config();
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  call.request = std::move(request);
  call.request.remote = caller_address(call.request, call.config->access.trusted_proxies);

  Found found = self->look_up(method, segments_of(call.request.path));
  match->route = found.route;
  const bool of_programs = call.request.path.starts_with("/api/") || call.request.path.starts_with("/hooks/");
  Route nothing;
  nothing.kind = found.kind.value_or(of_programs ? Kind::api : Kind::page);
  nothing.who = Who::anyone;
  const Route& route = found.route ? *found.route : nothing;
  if (auto known = self->identify(call, route); !known) co_return self->show(call, &route, known.error());
  if (!found.route && found.allow.empty())
    co_return self->show(call, &route, {ErrorCode::not_found, call.request.path, "there is nothing here"});
  if (!found.route) {
    const std::string what = "this takes " + found.allow + " only";
    net::Response r = self->show(call, &route, {ErrorCode::invalid, call.request.path, what});
    if (net::header(r.headers, "Content-Type").starts_with("application/")) {
      // No error of ours has this status.
      json::object o{{"type", "urn:lemmy:error:method_not_allowed"},
                     {"title", "Method not allowed"},
                     {"status", 405},
                     {"detail", what},
                     {"instance", valid_utf8(call.request.path)}};
      r.body = json::serialize(o) + "\n";
    }
    r.status = 405;
    r.headers.emplace("Allow", found.allow);
    co_return r;
  }
  call.request.params = std::move(found.params);
  if (auto ok = authorize(call, route); !ok) co_return self->show(call, &route, ok.error());
  if (auto ok = self->check_origin(call, route); !ok) co_return self->show(call, &route, ok.error());
  // The frame of the handler ends before this one, which owns the route's table entry by `this`.
  if (route.kind == Kind::hook) co_return co_await route.handle(std::move(call));
  Call asked = call;
  auto answer = co_await with_deadline(as_result(route.handle(std::move(asked))), route.limit, "");
  if (answer) co_return std::move(*answer);
  if (answer.error().code == ErrorCode::cancelled)  // the caller has gone
    throw boost::system::system_error(asio::error::operation_aborted);
  co_return self->show(call, &route, too_late(call, route.limit));
}

Result<Router::Asked> Router::ask(const Call& call, const std::string& target) const {
  Asked out;
  out.call = call;
  net::Request& request = out.call.request;
  request.method = "GET";
  request.query.clear();
  request.body.clear();
  if (auto ok = net::set_target(request, target); !ok) return fail(ok.error());
  Found found = look_up("GET", segments_of(request.path));
  if (!found.route) return fail(ErrorCode::not_found, request.path, "there is nothing here");
  request.params = std::move(found.params);
  if (auto ok = authorize(out.call, *found.route); !ok) return fail(ok.error());
  out.route = found.route;
  return out;
}

Result<Call> Router::again(const Call& call) const {
  Call now = call;
  now.config = settings_.config();
  now.signed_in = false;
  const Found found =
      look_up(call.request.method == "HEAD" ? "GET" : call.request.method, segments_of(call.request.path));
  if (!found.route) return fail(ErrorCode::not_found, call.request.path, "there is nothing here");
  now.who = {};
  if (auto known = identify(now, *found.route); !known) return fail(known.error());
  const access::Identity &was = call.who, &is = now.who;
  if (was.name != is.name || was.role != is.role || was.kind != is.kind || was.projects != is.projects)
    return fail(ErrorCode::unauthorized, call.request.path, "the rights behind this have changed",
                "ask again");
  if (auto ok = authorize(now, *found.route); !ok) return fail(ok.error());
  return now;
}

net::Response Router::show(const Call& call, const Route* route, const Error& error) const {
  const bool page = route && route->kind == Kind::page;
  if (page && error.code == ErrorCode::unauthorized && call.request.method == "GET") {
    net::Response r;
    r.status = 303;
    r.headers.emplace("Location", "/login?next=" + net::percent_encode(call.request.target));
    return r;
  }
  if (page && settings_.error_page) return settings_.error_page(call, error);
  net::Response r = problem(error, call.request.path);
  if (error.code == ErrorCode::unauthorized) r.headers.emplace("WWW-Authenticate", "Bearer realm=\"lemmy\"");
  return r;
}

}  // namespace lemmy::route
