#include "store/postgres/address.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include "base/strings.h"
#include "net/resolver.h"

namespace lemmy::store::postgres {
namespace {

constexpr std::chrono::milliseconds kLookup{10'000};
constexpr const char* kForm = "write postgres://USER@HOST:PORT/DATABASE; special characters as %XX";

std::string query_without_passwords(std::string_view query) {
  std::vector<std::string> out;
  for (std::string_view part : split(query, '&')) {
    std::string_view key = part.substr(0, part.find('='));
    out.emplace_back(key.ends_with("password") ? std::string(key) + "=***" : std::string(part));
  }
  return join(out, "&");
}

// What the environment and a service file say, for keywords that the URL does not.
std::string by_environment(std::string_view keyword) {
  std::string out;
  PQconninfoOption* all = PQconndefaults();
  for (PQconninfoOption* o = all; o && o->keyword; ++o)
    if (keyword == o->keyword && o->val) out = o->val;
  PQconninfoFree(all);
  return out;
}

bool is_socket(std::string_view host) {
  return host.empty() || host.starts_with('/') || host.starts_with('@');
}

}  // namespace

const std::string* Address::find(std::string_view keyword) const {
  for (const auto& [k, v] : options)
    if (k == keyword) return &v;
  return nullptr;
}
void Address::set(const std::string& keyword, std::string value) {
  std::erase_if(options, [&](const auto& o) { return o.first == keyword; });
  options.emplace_back(keyword, std::move(value));
}
void Address::set_default(const std::string& keyword, std::string value) {
  if (!find(keyword)) options.emplace_back(keyword, std::move(value));
}

std::string without_password(const std::string& url) {
  size_t begin = url.find("://");
  if (begin == url.npos || !url.starts_with("postgres")) return url;
  begin += 3;
  std::string out = url.substr(0, begin);
  // The last '@': a password that should have been escaped may hold one, and '/' and '?' too.
  if (size_t at = url.rfind('@'); at != url.npos && at >= begin) {
    std::string_view user = std::string_view(url).substr(begin, at - begin);
    size_t colon = user.find(':');
    out += user.substr(0, colon);
    if (colon != user.npos) out += ":***";
    begin = at;
  }
  std::string_view rest = std::string_view(url).substr(begin);
  size_t question = rest.find('?');
  out += rest.substr(0, question);
  if (question != rest.npos) out += "?" + query_without_passwords(rest.substr(question + 1));
  return out;
}

Result<Address> read_address(const std::string& url) {
  Address a;
  a.shown = without_password(url);
  // A second one, or one after a '/' or '?', is of a password: libpq would take the rest of it for the host.
  size_t begin = url.find("://") + 3;
  if (size_t at = url.rfind('@'); at != url.npos && at > url.find_first_of("/?@", begin))
    return fail(ErrorCode::invalid, a.shown, "the password has a character that ends it", kForm);
  char* message = nullptr;
  PQconninfoOption* all = PQconninfoParse(url.c_str(), &message);
  if (!all) {
    // Most of libpq's messages quote the URL, password and all.
    std::string why = message ? std::string(trim(std::string_view(message))) : "";
    PQfreemem(message);
    bool harmless = why.starts_with("invalid URI query parameter") && url.find('@') < url.find('?');
    return fail(ErrorCode::invalid, a.shown, harmless ? why : "this is not a PostgreSQL address", kForm);
  }
  for (PQconninfoOption* o = all; o->keyword; ++o)
    if (o->val) a.options.emplace_back(o->keyword, o->val);
  PQconninfoFree(all);
  a.set("client_encoding", "UTF8");
  a.set_default("fallback_application_name", "lemmy");
  a.set_default("target_session_attrs", "read-write");
  a.set_default("gssencmode", "disable");  // Kerberos libraries may block
  a.set_default("keepalives_idle", "30");
  a.set_default("keepalives_interval", "10");
  a.set_default("keepalives_count", "3");
  a.set_default("tcp_user_timeout", "30000");
  return a;
}

Task<Result<Address>> with_addresses(asio::any_io_executor loop, Address a) {
  if (a.find("hostaddr")) co_return a;
  const std::string* given = a.find("host");
  std::string host = given ? *given : by_environment("host");
  if (is_socket(host) && host.find(',') == host.npos) co_return a;
  const std::string* port_given = a.find("port");
  std::string port = port_given ? *port_given : by_environment("port");
  auto hosts = split(host, ','), ports = split(port, ',');
  std::vector<std::string> names, addresses, at_ports;
  std::string unknown;
  for (size_t i = 0; i < hosts.size(); ++i) {
    std::string name(hosts[i]);
    std::vector<std::string> found{""};
    if (!is_socket(name)) {
      auto known = co_await net::Resolver(loop).resolve(name, kLookup);
      found.clear();
      if (!known) unknown = fmt::format("host '{}' is not known: {}", name, known.error().what);
      if (known)
        for (const asio::ip::address& address : *known) found.push_back(address.to_string());
    }
    for (const std::string& address : found) {
      names.push_back(name);
      addresses.push_back(address);
      at_ports.emplace_back(ports[std::min(i, ports.size() - 1)]);
    }
  }
  if (names.empty())
    co_return fail(ErrorCode::unavailable, a.shown, unknown, "is the name right, and does DNS answer?");
  a.set("host", join(names, ","));
  a.set("hostaddr", join(addresses, ","));
  a.set("port", join(at_ports, ","));
  co_return a;
}

}  // namespace lemmy::store::postgres
