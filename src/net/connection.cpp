#include "net/connection.h"

#include <netinet/tcp.h>
#include <openssl/x509v3.h>

#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

namespace lemmy::net {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;
constexpr std::chrono::milliseconds kLookup{10'000};

template <class S>
class Over : public Connection {
 public:
  explicit Over(S stream) : stream_(std::move(stream)) {}
  S& stream() { return stream_; }

  Task<Result<>> write(const ClientRequest& r, const std::string& host) override {
    http::request<http::string_body> out;
    out.method_string(r.method);
    out.target(r.target);
    out.version(11);
    out.set(http::field::host, host);
    out.set(http::field::user_agent, "lemmy/" LEMMY_VERSION);
    for (auto it = r.headers.begin(); it != r.headers.end(); ++it) {
      if (r.headers.find(it->first) == it) out.erase(it->first);
      out.insert(it->first, it->second);
    }
    out.body() = r.body;
    if (!r.body.empty() || (r.method != "GET" && r.method != "HEAD")) out.content_length(r.body.size());
    beast::get_lowest_layer(stream_).expires_never();
    auto [ec, n] = co_await http::async_write(stream_, out, kTuple);
    if (ec) co_return fail(ErrorCode::unavailable, "", ec.message());
    co_return Result<>{};
  }
  Task<error_code> read(Parser& parser) override {
    auto [ec, n] = co_await http::async_read(stream_, buffer_, parser, kTuple);
    co_return ec;
  }
  Task<error_code> read_header(Parser& parser) override {
    auto [ec, n] = co_await http::async_read_header(stream_, buffer_, parser, kTuple);
    co_return ec;
  }
  Task<error_code> read_some(Parser& parser, std::chrono::milliseconds limit) override {
    beast::get_lowest_layer(stream_).expires_after(limit);
    auto [ec, n] = co_await http::async_read_some(stream_, buffer_, parser, kTuple);
    beast::get_lowest_layer(stream_).expires_never();
    co_return ec;
  }
  void close() override { beast::get_lowest_layer(stream_).close(); }

 private:
  S stream_;
  beast::flat_buffer buffer_;
};

using Tunnel = asio::ssl::stream<beast::tcp_stream>;  // to an https proxy

// The certificate's fault in words, when that is why the handshake failed.
std::string verify_failure(SSL* ssl) {
  long code = SSL_get_verify_result(ssl);
  return code == X509_V_OK ? "" : X509_verify_cert_error_string(code);
}

// A peer that has gone without a word is noticed within a minute, also where nothing is to be sent.
void prepare(tcp::socket& socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  for (auto [option, value] :
       {std::pair{TCP_KEEPIDLE, 20}, {TCP_KEEPINTVL, 10}, {TCP_KEEPCNT, 3}, {TCP_USER_TIMEOUT, 30'000}})
    ::setsockopt(socket.native_handle(), IPPROTO_TCP, option, &value, sizeof value);
}

Result<> check_name(SSL* ssl, const std::string& name) {
  error_code ec;
  asio::ip::make_address(name, ec);
  X509_VERIFY_PARAM* p = SSL_get0_param(ssl);
  bool ok = !ec ? X509_VERIFY_PARAM_set1_ip_asc(p, name.c_str()) == 1
                : X509_VERIFY_PARAM_set1_host(p, name.c_str(), name.size()) == 1 &&
                      SSL_set_tlsext_host_name(ssl, name.c_str()) == 1;
  if (!ok) return fail(ErrorCode::invalid, name, "this is not a server name");
  return {};
}

}  // namespace

Result<std::shared_ptr<asio::ssl::context>> make_tls_context(const TlsOptions& o) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  error_code ec;
  if (o.ca_pem.empty())
    context->set_default_verify_paths(ec);
  else
    context->add_certificate_authority(asio::buffer(o.ca_pem), ec);
  if (ec) return fail(ErrorCode::invalid, "certificate authority", "not a PEM certificate: " + ec.message());
  context->set_verify_mode(o.insecure_skip_verify ? asio::ssl::verify_none : asio::ssl::verify_peer, ec);
  if (!o.client_certificate_pem.empty()) {
    context->use_certificate_chain(asio::buffer(o.client_certificate_pem), ec);
    if (ec) return fail(ErrorCode::invalid, "client certificate", "not a PEM certificate: " + ec.message());
    context->use_private_key(asio::buffer(o.client_key_pem), asio::ssl::context::pem, ec);
    if (ec)
      return fail(ErrorCode::invalid, "client key", "not the PEM key of the certificate: " + ec.message());
  }
  return context;
}

static Task<Result<beast::tcp_stream>> reach(asio::any_io_executor executor,
                                             std::shared_ptr<Resolver> resolver, std::string host,
                                             uint16_t port, std::string where) {
  auto addresses = co_await resolver->resolve(host, kLookup);
  if (!addresses) {
    Error e = addresses.error();
    if (e.code == ErrorCode::timeout) e.code = ErrorCode::unavailable;
    e.where = where;
    co_return fail(std::move(e));
  }
  std::vector<tcp::endpoint> endpoints;
  for (const asio::ip::address& a : *addresses) endpoints.emplace_back(a, port);
  auto socket = co_await connect_first(executor, std::move(endpoints));
  if (!socket)
    co_return fail(ErrorCode::unavailable, where, "cannot connect: " + socket.error().what,
                   "is it running and reachable from here?");
  prepare(*socket);
  beast::tcp_stream out(std::move(*socket));
  out.expires_never();
  co_return std::move(out);
}

// Its name is checked when `verify`. `stream` outlives it.
template <class S>
static Task<Result<>> shake_hands(S* stream, bool verify, std::string name, std::string where) {
  SSL* ssl = stream->native_handle();
  if (verify) {
    auto named = check_name(ssl, name);
    if (!named) co_return fail(named.error());
  }
  auto [ec] = co_await stream->async_handshake(asio::ssl::stream_base::client, kTuple);
  if (!ec) co_return Result<>{};
  std::string why = verify_failure(ssl);
  if (!why.empty())
    co_return fail(ErrorCode::rejected, where, "the server's certificate is not trusted: " + why,
                   "check certificate-authority and tls-server-name");
  co_return fail(ErrorCode::unavailable, where, "TLS handshake failed: " + ec.message());
}

template <class S>
static Task<Result<std::unique_ptr<Connection>>> over(S below, Origin origin) {
  if (!origin.tls) co_return std::unique_ptr<Connection>(std::make_unique<Over<S>>(std::move(below)));
  auto secure =
      std::make_unique<Over<beast::ssl_stream<S>>>(beast::ssl_stream<S>(std::move(below), *origin.context));
  auto shaken = co_await shake_hands(&secure->stream(), origin.verify, origin.server_name, origin.text);
  if (!shaken) co_return fail(shaken.error());
  co_return std::unique_ptr<Connection>(std::move(secure));
}

Task<Result<std::unique_ptr<Connection>>> connect(asio::any_io_executor executor, Origin origin,
                                                  std::shared_ptr<Resolver> resolver) {
  if (!origin.proxy) {
    auto tcp_stream = co_await reach(executor, resolver, origin.host, origin.port, origin.text);
    if (!tcp_stream) co_return fail(tcp_stream.error());
    co_return co_await over(std::move(*tcp_stream), std::move(origin));
  }
  const Proxy proxy = *origin.proxy;
  auto tcp_stream = co_await reach(executor, resolver, proxy.host, proxy.port, proxy.text);
  if (!tcp_stream) co_return fail(tcp_stream.error());
  if (proxy.kind == Proxy::Kind::https) {
    Tunnel tunnel(std::move(*tcp_stream), *origin.proxy_context);
    auto shaken = co_await shake_hands(&tunnel, !origin.tls || origin.verify, proxy.host, proxy.text);
    if (!shaken) co_return fail(shaken.error());
    auto asked = co_await ask_http_proxy(&tunnel, proxy, origin.host, origin.port);
    if (!asked) co_return fail(asked.error());
    co_return co_await over(std::move(tunnel), std::move(origin));
  }
  const bool socks = proxy.kind == Proxy::Kind::socks5;
  auto asking = socks ? ask_socks_proxy(&*tcp_stream, proxy, origin.host, origin.port)
                      : ask_http_proxy(&*tcp_stream, proxy, origin.host, origin.port);
  auto asked = co_await std::move(asking);
  if (!asked) co_return fail(asked.error());
  co_return co_await over(std::move(*tcp_stream), std::move(origin));
}

}  // namespace lemmy::net
