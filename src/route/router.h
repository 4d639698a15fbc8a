#pragma once
// The one route table: path, method, who may, handler. Authorisation, OpenAPI and docs/api.md are read from
// it. Loop thread only.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "access/access.h"
#include "access/log_ins.h"
#include "access/session.h"
#include "async/task.h"
#include "config/config.h"
#include "net/http.h"

namespace lemmy::route {

// `anyone` needs no sign-in; `hook` proves itself inside the handler (signature or token of access.yaml).
enum class Who { anyone, hook, viewer, deployer, admin };
std::string_view name(Who who);

// How errors are shown: `page` as HTML (and a sign-in redirect), the others as problem+json (RFC 9457).
enum class Kind { page, api, hook, plain };

struct Call {
  net::Request request;  // params filled in
  access::Identity who;
  std::string csrf;  // every form of a page sends it back as field `csrf`
  bool signed_in = false;
  std::shared_ptr<const config::Config> config;  // of this moment

  const std::string& param(std::string_view name) const;  // of the pattern; it must be there
  // `project` and `environment` of the pattern, as far as it has them.
  Target target() const;
};

// What the table cannot know: whether the caller may deploy to each of these environments of the pattern's
// project, which stand in the body. Errors as of access::check.
Result<> may_deploy(const Call& call, const std::vector<std::string>& environments);

using Handle = std::function<Task<net::Response>(Call)>;

// Until an answer begins, unless the route says otherwise. Below what callers and proxies wait for.
constexpr milliseconds kAnswerLimit{15'000};

struct Route {
  std::string method;   // GET also answers HEAD
  std::string pattern;  // "/projects/{project}"; a segment in braces takes one non-empty segment
  Who who = Who::viewer;
  Kind kind = Kind::api;
  std::string summary;  // for OpenAPI and the docs
  Handle handle;
  json::object openapi = {};  // merged into the operation: requestBody, responses, parameters
  // The handler is cut after it, and the caller is told: 503. Hooks have limits of their own. The stream of
  // an answer lasts as long as it likes.
  milliseconds limit = kAnswerLimit;
};

struct Settings {
  std::string session_key;  // 32 bytes, access::server_key
  // No access.yaml, and bound to loopback: everybody who reaches the server is its admin "local".
  bool open = false;
  std::function<std::shared_ptr<const config::Config>()> config;
  // Sessions that were ended before their time, by access::Session::id. Unset: none are.
  std::function<bool(const std::string& id)> has_ended = {};
  std::function<Task<Result<>>(std::string id, Time expires)> end_session = {};
  // Makes the HTML of an error on a page route. Unset: problem+json.
  std::function<net::Response(const Call&, const Error&)> error_page;
};

struct SignedIn {
  std::vector<std::string> cookies;  // of Set-Cookie fields
};

class Router {
 public:
  explicit Router(Settings settings);
  // A pattern and method that is there already, or a malformed pattern, is a defect: throws std::logic_error.
  void add(Route route);
  const std::vector<Route>& routes() const { return routes_; }
  void set_error_page(std::function<net::Response(const Call&, const Error&)> make);

  // Finds the route; says 404, 405 with Allow; signs the caller in by bearer token, session cookie, or as
  // anonymous; checks the role with access::check on the pattern's project and environment; for what changes
  // state refuses cross-site browsers and wrong CSRF tokens (bearer tokens need none); runs the handler.
  // Adds security headers to every answer. Never throws.
  Task<net::Response> handle(net::Request request);

  // The same caller asks by GET for another page, "/projects/web?after=3", as if by a request of its own: the
  // call and its route, which is not run. not_found: no GET leads there; else as handle() would refuse it.
  struct Asked {
    Call call;
    const Route* route = nullptr;
  };
  Result<Asked> ask(const Call& call, const std::string& target) const;
  // The call as if it came now. For what lasts longer than a request: unauthorized when the token, session or
  // role behind it has ended or has changed since, forbidden when the configuration of now does not allow it.
  Result<Call> again(const Call& call) const;

  // What a log-in form sends. Errors: unauthorized, rate_limited (access/log_ins.h). `pool`: hashing takes
  // 0.1 s.
  // known: for browsers in which the user is known, so that tries of strangers do not stand before theirs.
  Task<Result<SignedIn>> sign_in(Call call, std::string name, std::string password, Pool* pool, Pool* known);
  // Ends the session of the call, if there is one, also for who has a copy of its cookie. The Set-Cookie that
  // takes it away.
  Task<std::string> sign_out(Call call);

 private:
  struct Match;
  struct Found;
  Task<net::Response> run(net::Request request);
  Found look_up(const std::string& method, const std::vector<std::string>& path) const;
  Result<> identify(Call& call, const Route& route) const;
  static Result<> authorize(const Call& call, const Route& route);
  Result<> check_origin(const Call& call, const Route& route) const;
  net::Response show(const Call& call, const Route* route, const Error& error) const;

  Settings settings_;
  std::string nobody_csrf_;  // of who is not signed in
  std::vector<Route> routes_;
  std::vector<std::vector<std::string>> segments_;  // of each route's pattern
  access::LogIns log_ins_;                          // as the configuration says at each try
};

// problem+json of an error: type, title, status, detail, instance, where, hint.
net::Response problem(const Error& error, std::string_view instance = "");
net::Response json_response(const json::value& value, int status = 200);
// The body as a JSON object, or a form as an object of texts; by Content-Type. invalid, with where.
Result<json::object> body_object(const net::Request& request);

// OpenAPI 3.1 of all api and hook routes.
json::object openapi(const std::vector<Route>& routes, std::string_view version);

}  // namespace lemmy::route
