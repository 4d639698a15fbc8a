#pragma once
// Inside room net: one connection of a client, plain or TLS.
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "net/client.h"
#include "net/proxy.h"
#include "net/resolver.h"

namespace lemmy::net {

using Parser = boost::beast::http::response_parser<boost::beast::http::string_body>;

struct Origin {
  uint16_t port = 0;
  std::string host, prefix, host_header, text;
  std::string server_name;
  bool tls = false, verify = true;
  std::shared_ptr<asio::ssl::context> context;
  std::optional<Proxy> proxy;
  std::shared_ptr<asio::ssl::context> proxy_context;  // of an https proxy: trusted as the server is
};

class Connection {
 public:
  virtual ~Connection() = default;
  virtual Task<Result<>> write(const ClientRequest& request, const std::string& host) = 0;
  virtual Task<boost::system::error_code> read(Parser& parser) = 0;
  virtual Task<boost::system::error_code> read_header(Parser& parser) = 0;
  // At least some bytes of the body, or its end; beast::error::timeout after `limit`.
  virtual Task<boost::system::error_code> read_some(Parser& parser, std::chrono::milliseconds limit) = 0;
  virtual void close() = 0;  // at once; what is under way fails
};

Result<std::shared_ptr<asio::ssl::context>> make_tls_context(const TlsOptions& options);
// The first address that takes a connection: the next one is tried when one has failed, or after 250 ms (RFC
// 8305, 5). The caller sets the deadline around it.
Task<Result<asio::ip::tcp::socket>> connect_first(asio::any_io_executor executor,
                                                  std::vector<asio::ip::tcp::endpoint> to);
// Looks the host up, or its proxy, connects, shakes hands. The caller sets the deadline around it.
Task<Result<std::unique_ptr<Connection>>> connect(asio::any_io_executor executor, Origin origin,
                                                  std::shared_ptr<Resolver> resolver);

}  // namespace lemmy::net
