#include "net/proxy.h"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <boost/url.hpp>
#include <cstdlib>

#include "base/strings.h"

namespace lemmy::net {
namespace {

using boost::system::error_code;

// An entry's host and port; the port empty when it says none.
std::pair<std::string, std::string> host_and_port(std::string_view entry) {
  if (entry.starts_with('[')) {
    const size_t end = entry.find(']');
    if (end == entry.npos) return {std::string(entry), ""};
    std::string_view rest = entry.substr(end + 1);
    return {std::string(entry.substr(1, end - 1)), std::string(rest.starts_with(':') ? rest.substr(1) : "")};
  }
  const size_t colon = entry.find(':');
  if (colon == entry.npos || entry.find(':', colon + 1) != entry.npos) return {std::string(entry), ""};
  return {std::string(entry.substr(0, colon)), std::string(entry.substr(colon + 1))};
}

bool in_range(const asio::ip::address& a, const std::string& range) {
  error_code ec;
  if (a.is_v4()) {
    auto net = asio::ip::make_network_v4(range, ec);
    if (ec) return false;
    return asio::ip::network_v4(a.to_v4(), net.prefix_length()).canonical() == net.canonical();
  }
  auto net = asio::ip::make_network_v6(range, ec);
  if (ec) return false;
  return asio::ip::network_v6(a.to_v6(), net.prefix_length()).canonical() == net.canonical();
}

bool spared(std::string_view entry, const std::string& host, const std::optional<asio::ip::address>& address,
            uint16_t port) {
  if (entry == "*") return true;
  if (entry.find('/') != entry.npos) return address && in_range(*address, std::string(entry));
  auto [name, entry_port] = host_and_port(entry);
  if (!entry_port.empty() && entry_port != std::to_string(port)) return false;
  error_code ec;
  if (auto a = asio::ip::make_address(name, ec); !ec) return address && *address == a;
  if (name.starts_with("*.")) name.erase(0, 1);
  if (name.empty() || name == ".") return false;
  if (name.starts_with('.')) return host.ends_with(name);
  return host == name || host.ends_with("." + name);
}

}  // namespace

Result<Proxy> parse_proxy(const std::string& text) {
  // Its password is nobody's business.
  auto bad = [](std::string what) {
    return fail(ErrorCode::invalid, "proxy", std::move(what), "http://, https:// or socks5:// and host:port");
  };
  auto url = boost::urls::parse_uri(text);
  if (!url || url->host().empty()) return bad("this is not the address of a proxy");
  Proxy p;
  const std::string scheme(url->scheme());
  uint16_t port = 0;
  if (scheme == "http")
    port = 80;
  else if (scheme == "https")
    p.kind = Proxy::Kind::https, port = 443;
  else if (scheme == "socks5" || scheme == "socks5h")
    p.kind = Proxy::Kind::socks5, port = 1080;
  else
    return bad(fmt::format("proxies of scheme '{}' are not known", shorten(valid_utf8(scheme), 20)));
  p.host = url->host_address();
  p.port = url->port().empty() ? port : url->port_number();
  if (p.port == 0) return bad("its port is none");
  p.user = url->user();
  p.password = url->password();
  p.text = fmt::format("{}://{}:{}", scheme, p.host.find(':') == p.host.npos ? p.host : "[" + p.host + "]",
                       p.port);
  return p;
}

std::string from_process(const char* name) {
  const char* v = std::getenv(name);
  return v ? v : "";
}

std::string proxy_of_environment(bool tls, const std::string& host_as_written, uint16_t port,
                                 const Environment& environment) {
  auto one = [&](const char* upper, const char* small) {
    std::string v = environment(upper);
    return v.empty() ? environment(small) : v;
  };
  std::string proxy = tls ? one("HTTPS_PROXY", "https_proxy") : one("HTTP_PROXY", "http_proxy");
  if (proxy.empty()) return "";
  std::string host = lower(host_as_written);
  if (host.ends_with('.')) host.pop_back();
  error_code ec;
  std::optional<asio::ip::address> address;
  if (auto a = asio::ip::make_address(host, ec); !ec) address = a;
  if (host == "localhost" || (address && address->is_loopback())) return "";
  for (std::string_view entry : split(one("NO_PROXY", "no_proxy"), ',')) {
    const std::string e = lower(trim(entry));
    if (!e.empty() && spared(e, host, address, port)) return "";
  }
  // As curl and Go take it: an address alone is one of an http proxy.
  return proxy.find("://") == proxy.npos ? "http://" + proxy : proxy;
}

}  // namespace lemmy::net
