#pragma once
// Proxies between this process and a server: which one, as Go's programs (kubectl) choose it, and how it is
// asked. golang.org/x/net/http/httpproxy; RFC 9110, 9.3.6 (CONNECT); RFC 1928 and 1929 (SOCKS5)
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <functional>
#include <optional>
#include <string>

#include "async/task.h"
#include "base/error.h"

namespace lemmy::net {

struct Proxy {
  enum class Kind { http, https, socks5 };
  Kind kind = Kind::http;
  std::string host;
  uint16_t port = 0;
  std::string user, password;  // empty: none is shown
  std::string text;            // scheme://host:port, for people
  bool operator==(const Proxy&) const = default;
};

// http://, https://, socks5:// or socks5h:// (the proxy resolves names in both), with user:password@ or not.
// invalid: another scheme, or no address.
Result<Proxy> parse_proxy(const std::string& url);

// What HTTPS_PROXY (of https), HTTP_PROXY (of http) and NO_PROXY, or their names in small letters, say of a
// server. Empty: none. localhost and loopback addresses never have one. NO_PROXY: "*", names (and what is
// below them, or with a dot before only that), addresses, CIDR ranges, each with a port or without.
using Environment = std::function<std::string(const char* name)>;
std::string proxy_of_environment(bool tls, const std::string& host, uint16_t port,
                                 const Environment& environment);
std::string from_process(const char* name);  // getenv, or ""

// Through a connection to the proxy, which has been made: what is written then reaches host:port. Errors name
// the proxy: unavailable (it cannot reach it, cut), unauthorized (it wants other credentials), rejected (it
// says no).
Task<Result<>> ask_http_proxy(boost::beast::tcp_stream* stream, Proxy proxy, std::string host, uint16_t port);
Task<Result<>> ask_http_proxy(boost::asio::ssl::stream<boost::beast::tcp_stream>* stream, Proxy proxy,
                              std::string host, uint16_t port);
Task<Result<>> ask_socks_proxy(boost::beast::tcp_stream* stream, Proxy proxy, std::string host,
                               uint16_t port);

}  // namespace lemmy::net
