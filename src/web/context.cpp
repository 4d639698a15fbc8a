#include "web/context.h"

#include <algorithm>

#include "base/strings.h"
#include "web/assets.h"

namespace lemmy::web {

// Where a person goes on after a log-in: a form cannot be sent again, but the page that it stood on can be
// looked at.
static std::string came_from(const net::Request& request) {
  if (request.method != "POST") return local_path(request.target);
  const std::string_view referer = net::header(request.headers, "Referer");
  const size_t scheme = referer.find("://");
  const size_t path = scheme == referer.npos ? referer.npos : referer.find('/', scheme + 3);
  if (path == referer.npos) return "/";
  const bool ours = referer.substr(scheme + 3, path - scheme - 3) == net::header(request.headers, "Host");
  return ours ? local_path(referer.substr(path)) : "/";
}

json::object page_json(const route::Call& call, std::string csrf, std::string live, bool fragment) {
  const access::Identity& who = call.who;
  const bool anonymous = who.kind == access::Identity::Kind::anonymous;
  auto project = call.request.params.find("project");
  json::object o;
  o["path"] = call.request.path;
  o["root"] = call.config ? call.config->access.public_url.path : "";
  o["csrf"] = std::move(csrf);
  o["live"] = std::move(live);
  o["fragment"] = fragment;
  o["assets"] = asset_urls();
  o["who"] = json::object{
      {"name", who.name},
      {"role", config::name(who.role)},
      {"can_sign_in", anonymous && call.config->has_access && call.request.path != "/login"},
      {"can_sign_out", call.signed_in},
      // Else nobody that could be named: whoever stands before the form to sign in.
      {"may_look", !anonymous || !call.config->has_access || call.config->access.anonymous.has_value()}};
  o["login"] = "/login?next=" + net::percent_encode(came_from(call.request));
  o["after"] = call.request.query_value("after");
  o["next"] = "";
  o["search"] = call.request.query_value("search");
  o["search_query"] = net::percent_encode(call.request.query_value("search"));
  const std::string said = call.config ? call.config->access.public_url.text : "";
  const std::string at = said.empty() ? "$LEMMY_URL" : said;
  o["curl"] = "curl -H \"Authorization: Bearer $TOKEN\" -d project=" +
              (project == call.request.params.end() ? "hello-world" : project->second) +
              " -d sha=$(git rev-parse --short HEAD) -d branch=main \"" + at + "/hooks/build\"";
  o["instance_curl"] =
      "runcmd:\n  - curl --retry 100 --retry-max-time 3600 --retry-all-errors -fsS "
      "-H \"Authorization: Bearer $TOKEN\" -d project=NAME -d environment=NAME "
      "-d instance_id={{ v1.instance_id }} \"" +
      at + "/hooks/instance\"";
  return o;
}

json::object may_json(const access::Identity& who, const config::Config& config, const Target& target) {
  auto allowed = access::check(who, access::Role::deployer, config, target);
  return {{"ok", allowed.has_value()},
          {"why", allowed ? "" : "Look, but do not touch: " + allowed.error().what}};
}

json::array steps(const json::object& deploy, const json::array& history) {
  const Phase phase = phase_from(text_or(deploy, "phase")).value_or(Phase::queued);
  Phase reached = phase;
  if (phase > Phase::live) {
    reached = Phase::queued;
    for (const json::value& v : history)
      if (const json::object* e = v.if_object())
        if (auto p = phase_from(text_or(*e, "phase")); p && *p < Phase::live) reached = std::max(reached, *p);
  }
  json::array out;
  for (int i = 0; i <= static_cast<int>(Phase::live); ++i) {
    const Phase p = static_cast<Phase>(i);
    const bool hosts = text_or(deploy, "deployer") == "ansible";
    // A playbook has done its work when it ends.
    if (hosts && (p == Phase::rolling_out || p == Phase::settling)) continue;
    std::string_view state = p < reached || phase == Phase::live ? "done" : p > reached ? "ahead" : "current";
    if (p == reached && phase > Phase::live) state = phase == Phase::failed ? "failed" : "stopped";
    out.push_back({{"name", name(p)},
                   {"title", hosts && p == Phase::applying ? "Running" : title(p)},
                   {"state", state}});
  }
  return out;
}

std::string local_path(std::string_view next) {
  // "//host" and "/\host" lead to other servers; control characters are dropped by browsers before they look.
  bool local = next.starts_with('/') && !next.starts_with("//") && next.find('\\') == next.npos &&
               std::none_of(next.begin(), next.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  return local ? std::string(next) : "/";
}

std::string readable(const std::string& document) {
  auto parsed = parse_json(document, "document", 200);
  return parsed ? pretty_json(*parsed) : document;
}

}  // namespace lemmy::web
