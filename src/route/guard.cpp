#include "route/guard.h"

#include <fmt/format.h>

#include "base/crypto.h"
#include "base/strings.h"

namespace lemmy::route {
namespace {

bool changes_state(const std::string& method) { return method != "GET" && method != "HEAD"; }

std::string host_without_port(std::string_view host) {
  if (host.starts_with('[')) return std::string(host.substr(0, host.find(']') + 1));
  return lower(host.substr(0, host.find(':')));
}

bool is_local_name(const std::string& host) {
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]" || host.ends_with(".localhost");
}

// A proxy on this machine makes everybody look like this machine.
bool came_through_a_proxy(const net::Headers& headers) {
  for (const char* name :
       {"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via"})
    if (headers.contains(std::string_view(name))) return true;
  return false;
}

std::string origin_host(std::string_view origin) {
  size_t scheme = origin.find("://");
  return scheme == origin.npos ? std::string(origin) : lower(origin.substr(scheme + 3));
}

std::string field_in_form(const net::Request& request, std::string_view name) {
  if (net::media_type(request.headers) != net::kForm) return {};
  auto form = net::parse_form(request.body);
  if (!form) return {};
  for (auto& [k, v] : *form)
    if (k == name) return v;
  return {};
}

}  // namespace

std::string caller_address(const net::Request& request, const std::vector<Network>& trusted) {
  auto is_proxy = [&](const std::string& address) {
    boost::system::error_code ec;
    const auto parsed = asio::ip::make_address(address, ec);
    return !ec && (parsed.is_loopback() || contains(trusted, address));
  };
  std::string caller = request.remote;
  if (!is_proxy(caller)) return caller;
  std::vector<std::string_view> named;
  auto [from, to] = request.headers.equal_range(std::string("X-Forwarded-For"));
  for (auto it = from; it != to; ++it)
    for (std::string_view part : split(it->second, ','))
      if (!trim(part).empty()) named.push_back(part);
  // From the nearest: what a stranger wrote stands before what a proxy of ours added.
  for (auto it = named.rbegin(); it != named.rend() && is_proxy(caller); ++it) {
    auto address = plain_address(*it);
    if (!address) break;
    caller = std::move(*address);
  }
  return caller;
}

std::string_view cookie_value(const net::Headers& headers, std::string_view name) {
  auto [from, to] = headers.equal_range(std::string("Cookie"));
  for (auto it = from; it != to; ++it)
    for (std::string_view pair : split(it->second, ';')) {
      pair = trim(pair);
      if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
        return pair.substr(name.size() + 1);
    }
  return {};
}

void add_security_headers(net::Response& response) {
  auto put = [&](const char* name, const char* value) {
    if (!response.headers.contains(name)) response.headers.emplace(name, value);
  };
  put("Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
      "form-action 'self'; frame-ancestors 'none'; base-uri 'none'");
  put("X-Content-Type-Options", "nosniff");
  put("Referrer-Policy", "same-origin");
  put("Cache-Control", "no-store");
}

void take_root_off(net::Request& request, std::string_view root) {
  if (root.empty() || !request.path.starts_with(root) || !request.target.starts_with(root)) return;
  if (request.path.size() > root.size() && request.path[root.size()] != '/') return;
  auto without = [&](std::string& text) {
    text.erase(0, root.size());
    if (!text.starts_with('/')) text.insert(0, "/");
  };
  without(request.path), without(request.target);
}

void put_root_on(net::Response& response, std::string_view root) {
  if (root.empty()) return;
  if (auto it = response.headers.find(std::string_view("Location"));
      it != response.headers.end() && it->second.starts_with('/'))
    it->second.insert(0, root);
  auto [from, to] = response.headers.equal_range(std::string_view("Set-Cookie"));
  for (auto it = from; it != to; ++it)
    if (const size_t path = it->second.find("; Path=/"); path != std::string::npos) {
      const size_t slash = path + 7;
      // "/lemmy" is of the cookie's path too (RFC 6265 5.1.4), "/lemmy/" would not be.
      if (slash + 1 == it->second.size() || it->second[slash + 1] == ';') it->second.erase(slash, 1);
      it->second.insert(slash, root);
    }
}

// A name that somebody else made to point here (DNS rebinding) is not ours; an address is nobody's name.
static bool is_own_host(const config::PublicUrl& at, const std::string& host) {
  boost::system::error_code ec;
  const bool v6 = host.starts_with('[') && host.ends_with(']');
  (void)asio::ip::make_address(v6 ? host.substr(1, host.size() - 2) : host, ec);
  return at.host.empty() || host == at.host || !ec || is_local_name(host);
}

Result<> Router::identify(Call& call, const Route& route) const {
  const net::Headers& headers = call.request.headers;
  const std::string& where = call.request.path;
  // An access.yaml that is made while the server runs counts at once.
  const bool open = settings_.open && !call.config->has_access;
  // Without access.yaml only this machine may ask, also when a hostile name is made to point to it.
  if (open && !is_local_name(host_without_port(net::header(headers, "Host"))))
    return fail(ErrorCode::forbidden, where, "this server answers to localhost only",
                "open http://localhost, or make an access.yaml");
  if (open && came_through_a_proxy(headers))
    return fail(ErrorCode::forbidden, where,
                "this request came through a proxy, and anybody might have sent it",
                "behind a proxy make an access.yaml: docs/configuration.md");
  call.csrf = nobody_csrf_;
  call.who.role = access::Role::viewer;
  call.who.name = "anonymous";
  if (open) {
    call.who = {"local", access::Role::admin, access::Identity::Kind::user, {}};
    return {};
  }
  if (std::string_view sent = net::header(headers, "Authorization");
      !sent.empty() && route.kind != Kind::hook) {
    auto token = access::find_token(call.config->access, access::bearer(sent), now());
    if (!token)
      return fail(ErrorCode::unauthorized, where, "the token is unknown or has expired",
                  "make one with: lemmy token add");
    call.who = *token;
    call.csrf.clear();
    return {};
  }
  if (std::string_view cookie = cookie_value(headers, kCookie); !cookie.empty()) {
    auto s = access::open_session(settings_.session_key, call.config->access, cookie, now());
    if (s && !(settings_.has_ended && settings_.has_ended(s->id))) {
      call.who = s->identity;
      call.csrf = s->csrf;
      call.signed_in = true;
      return {};
    }
  }
  if (auto nobody = access::anonymous(call.config->access)) {
    const std::string host = host_without_port(net::header(headers, "Host"));
    if (route.who >= Who::viewer && !is_own_host(call.config->access.public_url, host))
      return fail(ErrorCode::forbidden, where, "without a sign-in this server answers to its own name only",
                  "open " + call.config->access.public_url.text);
    call.who = *nobody;
  } else if (route.who >= Who::viewer) {
    return fail(ErrorCode::unauthorized, where, "nobody is signed in", "sign in, or send a token");
  }
  return {};
}

// OWASP: cross-site request forgery. Browsers say where a request comes from; what they do not say is covered
// by a token that only our pages know.
Result<> Router::check_origin(const Call& call, const Route& route) const {
  const net::Request& r = call.request;
  if (!changes_state(r.method) || route.kind == Kind::hook || route.kind == Kind::plain) return {};
  if (call.who.kind == access::Identity::Kind::token) return {};
  auto refuse = [&](std::string what) {
    return fail(ErrorCode::forbidden, r.path, std::move(what), "go back, load the page again, and repeat it");
  };
  std::string_view site = net::header(r.headers, "Sec-Fetch-Site");
  std::string_view origin = net::header(r.headers, "Origin");
  if (!site.empty() && site != "same-origin" && site != "none")
    return refuse("the request comes from another site");
  if (!origin.empty() && origin_host(origin) != lower(net::header(r.headers, "Host")))
    return refuse("the request comes from another site");
  std::string sent(net::header(r.headers, "X-CSRF-Token"));
  if (sent.empty() && route.kind == Kind::page) sent = field_in_form(r, "csrf");
  if (!sent.empty() && constant_time_equal(sent, call.csrf)) return {};
  // A program without a session has nothing that another site could misuse, but a form can be sent blindly.
  if (route.kind == Kind::api && !call.signed_in && origin.empty() && site.empty() &&
      net::media_type(r.headers) != net::kForm)
    return {};
  return refuse("the form's token is missing or old");
}

}  // namespace lemmy::route
