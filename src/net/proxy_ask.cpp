#include <fmt/format.h>

#include <boost/asio/read.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "base/strings.h"
#include "net/proxy.h"

namespace lemmy::net {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

std::unexpected<Error> cut(const Proxy& p, const error_code& ec) {
  return fail(ErrorCode::unavailable, p.text, "the proxy broke off: " + ec.message());
}

// RFC 1928, 6
const char* said(unsigned char reply) {
  constexpr const char* kWords[] = {"",
                                    "general failure",
                                    "not allowed by its rules",
                                    "network unreachable",
                                    "host unreachable",
                                    "connection refused",
                                    "it took too long",
                                    "it does not know CONNECT",
                                    "it does not know this kind of address"};
  return reply < std::size(kWords) ? kWords[reply] : "unknown failure";
}

Task<Result<>> log_in(beast::tcp_stream* stream, const Proxy& p) {
  if (p.user.size() > 255 || p.password.size() > 255)
    co_return fail(ErrorCode::invalid, p.text, "SOCKS takes names and passwords of at most 255 bytes");
  std::string ask = "\x01";
  ask += static_cast<char>(p.user.size());
  ask += p.user;
  ask += static_cast<char>(p.password.size());
  ask += p.password;
  auto [ec, n] = co_await asio::async_write(*stream, asio::buffer(ask), kTuple);
  if (ec) co_return cut(p, ec);
  unsigned char answer[2];
  auto [read_ec, m] = co_await asio::async_read(*stream, asio::buffer(answer), kTuple);
  if (read_ec) co_return cut(p, read_ec);
  if (answer[1] != 0)
    co_return fail(ErrorCode::unauthorized, p.text, "the proxy does not take our credentials");
  co_return Result<>{};
}

}  // namespace

template <class S>
Task<Result<>> ask_http(S* stream, Proxy p, std::string host, uint16_t port) {
  const std::string to = fmt::format("{}:{}", host.find(':') == host.npos ? host : "[" + host + "]", port);
  http::request<http::empty_body> ask{http::verb::connect, to, 11};
  ask.set(http::field::host, to);
  ask.set(http::field::user_agent, "lemmy/" LEMMY_VERSION);
  if (!p.user.empty())
    ask.set(http::field::proxy_authorization, "Basic " + to_base64(p.user + ":" + p.password));
  auto [ec, n] = co_await http::async_write(*stream, ask, kTuple);
  if (ec) co_return cut(p, ec);
  beast::flat_buffer buffer;
  http::response_parser<http::empty_body> answer;
  answer.header_limit(64 * 1024);
  answer.skip(true);
  auto [read_ec, m] = co_await http::async_read_header(*stream, buffer, answer, kTuple);
  if (read_ec) co_return cut(p, read_ec);
  const unsigned status = answer.get().result_int();
  if (status == 407)
    co_return fail(ErrorCode::unauthorized, p.text, "the proxy wants other credentials",
                   "put user:password@ before its address");
  if (status / 100 != 2)
    co_return fail(status >= 500 ? ErrorCode::unavailable : ErrorCode::rejected, p.text,
                   fmt::format("the proxy does not connect to {}: {} {}", to, status,
                               shorten(valid_utf8(answer.get().reason()), 200)));
  if (buffer.size() > 0) co_return fail(ErrorCode::rejected, p.text, "the proxy said more than it was asked");
  co_return Result<>{};
}

Task<Result<>> ask_http_proxy(beast::tcp_stream* stream, Proxy p, std::string host, uint16_t port) {
  return ask_http(stream, std::move(p), std::move(host), port);
}
Task<Result<>> ask_http_proxy(asio::ssl::stream<beast::tcp_stream>* stream, Proxy p, std::string host,
                              uint16_t port) {
  return ask_http(stream, std::move(p), std::move(host), port);
}

Task<Result<>> ask_socks_proxy(beast::tcp_stream* stream, Proxy p, std::string host, uint16_t port) {
  std::string hello = p.user.empty() ? std::string("\x05\x01\x00", 3) : std::string("\x05\x02\x00\x02", 4);
  auto [ec, n] = co_await asio::async_write(*stream, asio::buffer(hello), kTuple);
  if (ec) co_return cut(p, ec);
  unsigned char chosen[2];
  auto [chosen_ec, m] = co_await asio::async_read(*stream, asio::buffer(chosen), kTuple);
  if (chosen_ec) co_return cut(p, chosen_ec);
  if (chosen[0] != 5) co_return fail(ErrorCode::rejected, p.text, "this is no SOCKS5 proxy");
  if (chosen[1] == 2) {
    auto in = co_await log_in(stream, p);
    if (!in) co_return in;
  } else if (chosen[1] != 0) {
    co_return fail(ErrorCode::unauthorized, p.text, "the proxy wants other credentials",
                   "put user:password@ before its address");
  }

  std::string ask("\x05\x01\x00", 3);
  error_code none;
  if (auto a = asio::ip::make_address(host, none); none) {
    if (host.size() > 255) co_return fail(ErrorCode::invalid, host, "the name is too long for SOCKS");
    ask += '\x03';
    ask += static_cast<char>(host.size());
    ask += host;
  } else if (a.is_v4()) {
    ask += '\x01';
    for (unsigned char b : a.to_v4().to_bytes()) ask += static_cast<char>(b);
  } else {
    ask += '\x04';
    for (unsigned char b : a.to_v6().to_bytes()) ask += static_cast<char>(b);
  }
  ask += static_cast<char>(port >> 8);
  ask += static_cast<char>(port & 0xff);
  auto [ask_ec, o] = co_await asio::async_write(*stream, asio::buffer(ask), kTuple);
  if (ask_ec) co_return cut(p, ask_ec);
  unsigned char head[5];
  auto [head_ec, q] = co_await asio::async_read(*stream, asio::buffer(head), kTuple);
  if (head_ec) co_return cut(p, head_ec);
  if (head[1] != 0)
    co_return fail(head[1] == 2 ? ErrorCode::rejected : ErrorCode::unavailable, p.text,
                   fmt::format("the proxy does not connect to {}:{}: {}", host, port, said(head[1])));
  // The address that it is bound to, and its port.
  const size_t rest = head[3] == 1 ? 3 : head[3] == 4 ? 15 : head[3] == 3 ? head[4] : 0;
  if (rest == 0 && head[3] != 3)
    co_return fail(ErrorCode::rejected, p.text, "the proxy's answer is not SOCKS5");
  std::string bound(rest + 2, '\0');
  auto [rest_ec, r] = co_await asio::async_read(*stream, asio::buffer(bound), kTuple);
  if (rest_ec) co_return cut(p, rest_ec);
  co_return Result<>{};
}

}  // namespace lemmy::net
