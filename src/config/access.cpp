// access.yaml: who may come in. Hashes and references only, so it may be kept with the other files.
#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "config/access_edits.h"
#include "config/loader.h"

namespace lemmy::config {

std::string_view name(Role role) {
  constexpr std::string_view names[] = {"viewer", "deployer", "admin"};
  return names[static_cast<int>(role)];
}

std::optional<Role> role_from(std::string_view text) {
  for (Role role : {Role::viewer, Role::deployer, Role::admin})
    if (text == name(role)) return role;
  return std::nullopt;
}

namespace {

bool is_name(std::string_view name) {
  auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= 64 && letter(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return letter(c) || c == '.' || c == '_' || c == '@' || c == '-'; });
}

}  // namespace

Result<> check_access_name(const std::string& name) {
  if (is_name(name)) return {};
  return fail(ErrorCode::invalid, "name", fmt::format("'{}' is not a name", shorten(name, 80)),
              "use up to 64 of a-z, A-Z, 0-9, '.', '_', '@' and '-', starting with a letter or digit");
}

void check_access_name(Reader& r, const std::string& name) {
  if (auto ok = check_access_name(name); !ok) r.problem("", ok.error().what, ok.error().hint);
}

std::string token_hash(Reader& r, const std::string& key) {
  std::string h = r.text(key);
  if (r.has(key) && (h.size() != 64 || h.find_first_not_of("0123456789abcdef") != h.npos))
    r.problem(key, "this is not a SHA-256 hash: 64 lower-case hex digits are expected",
              "`lemmy token add` makes one");
  return h;
}

void check_project(Reader& r, const std::string& key, const std::string& project, const Known* known) {
  if (known && std::ranges::find(known->projects, project) == known->projects.end())
    r.problem(key, fmt::format("there is no project '{}'", shorten(project, 80)),
              suggestion(project, known->projects));
}

std::vector<std::string> project_list(Reader& r, const Known* known) {
  std::vector<std::string> names = r.texts("projects");
  if (r.has("projects") && names.empty())
    r.problem("projects", "the list is empty", "leave it out to allow all projects");
  for (const std::string& n : names) check_project(r, "projects", n, known);
  return names;
}

// https://url.spec.whatwg.org: http or https, a host, a port and a path of plain segments; nothing else.
static PublicUrl read_public_url(Reader& r) {
  PublicUrl out;
  std::string text = r.text("public_url");
  while (text.ends_with('/')) text.pop_back();
  const size_t scheme = text.find("://");
  const std::string_view rest =
      scheme == text.npos ? std::string_view() : std::string_view(text).substr(scheme + 3);
  const size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view host = rest.substr(0, slash), path = rest.substr(slash);
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~").contains(c);
  };
  const bool good_host = !host.empty() && std::ranges::all_of(host, [&](char c) {
    return plain(c) || c == ':' || c == '[' || c == ']';
  });
  const bool good_path = path.find("//") == path.npos && path.find("/.") == path.npos &&
                         std::ranges::all_of(path, [&](char c) { return plain(c) || c == '/'; });
  if (!(text.starts_with("http://") || text.starts_with("https://")) || !good_host || !good_path) {
    r.problem("public_url", "this is not an address of a server", "such as https://deploy.example.com/lemmy");
    return out;
  }
  out.host =
      lower(host.starts_with('[') ? host.substr(0, host.find(']') + 1) : host.substr(0, host.find(':')));
  out.path = std::string(path);
  out.text = std::move(text);
  return out;
}

Access read_access(Reader& r, const Known* known) {
  Access a;
  r.entries("users", kUser, [&](const std::string& name, Reader& u) {
    check_access_name(u, name);
    User user{name, Role::viewer, u.text("password_hash")};
    if (auto role = u.role("role"))
      user.role = *role;
    else if (!u.has("role"))
      u.problem("role", "the role is missing", "viewer, deployer or admin");
    if (!user.password_hash.empty() &&
        (!user.password_hash.starts_with("$argon2id$") || user.password_hash.size() > 127))
      u.problem("password_hash", "this is not an argon2id hash",
                fmt::format("`lemmy user password {}` makes one", name));
    a.users.push_back(std::move(user));
  });
  r.entries("tokens", kToken, [&](const std::string& name, Reader& t) {
    check_access_name(t, name);
    Token token{name, Role::viewer, token_hash(t, "hash"), project_list(t, known), std::nullopt};
    if (!t.has("hash")) t.problem("hash", "the hash is missing", "`lemmy token add` makes one");
    if (auto role = t.role("role"))
      token.role = *role;
    else if (!t.has("role"))
      t.problem("role", "the role is missing", "viewer, deployer or admin");
    if (t.has("expires")) {
      token.expires = parse_time(t.text("expires"));
      if (!token.expires) t.problem("expires", "this is not a time", "such as 2027-01-31T00:00:00Z");
    }
    a.tokens.push_back(std::move(token));
  });
  r.entries("hooks", kHook, [&](const std::string& name, Reader& h) {
    check_access_name(h, name);
    Hook hook{name,
              h.text("secret_file"),
              h.text("secret_env"),
              token_hash(h, "token_hash"),
              project_list(h, known),
              Signs::body};
    const std::string sign = h.text("sign", "body");
    if (sign == "timestamp")
      hook.sign = Signs::timestamp;
    else if (sign == "all")
      hook.sign = Signs::all;
    else if (sign != "body")
      h.problem("sign", "a signature cannot be of '" + sign + "'", "body, timestamp or all");
    if (h.has("sign") && h.has("token_hash")) h.problem("sign", "a token signs nothing", "leave it out");
    if (h.has("secret_file") + h.has("secret_env") + h.has("token_hash") != 1)
      h.problem("", "exactly one of secret_file, secret_env and token_hash is expected");
    a.hooks.push_back(std::move(hook));
  });
  r.mapping("instances", kInstances, [&](Reader& i) { read_instances(i, known, a); });
  if (r.text("anonymous") != "none") a.anonymous = r.role("anonymous");
  using namespace std::chrono;
  r.mapping("session", kSession, [&](Reader& s) {
    a.session_lifetime = s.duration("lifetime", minutes{1}, days{90}).value_or(a.session_lifetime);
  });
  r.mapping("limits", kLimits, [&](Reader& l) {
    a.logins_per_minute = l.number("logins_per_minute", a.logins_per_minute, 1, 10'000);
    a.hooks_per_minute = l.number("hooks_per_minute", a.hooks_per_minute, 1, 1'000'000);
  });
  if (r.has("public_url")) a.public_url = read_public_url(r);
  for (const std::string& text : r.texts("trusted_proxies"))
    if (auto network = read_network(text))
      a.trusted_proxies.push_back(*network);
    else
      r.problem("trusted_proxies", fmt::format("'{}' is neither an address nor a network", shorten(text, 80)),
                "such as 10.0.0.0/8 or 192.0.2.1");
  return a;
}

std::expected<Access, Problems> parse_access(const std::string& text, const std::string& file) {
  Problems problems;
  auto node = parse_yaml(text, file, problems);
  if (!node) return std::unexpected(problems);
  Reader r(*node, kAccess, file, "", problems);
  Access a = read_access(r, nullptr);
  if (!problems.empty()) return std::unexpected(problems);
  return a;
}

}  // namespace lemmy::config
