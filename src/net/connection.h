#pragma once
// Inside room net: one connection of a client, plain or TLS.
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "net/client.h"

namespace lemmy::net {

using Parser = boost::beast::http::response_parser<boost::beast::http::string_body>;

struct Origin {
  std::string host, port, prefix, host_header, text;
  std::string server_name;
  bool tls = false, verify = true;
  std::shared_ptr<asio::ssl::context> context;
};

class Connection {
 public:
  virtual ~Connection() = default;
  virtual Task<Result<>> write(const ClientRequest& request, const std::string& host) = 0;
  virtual Task<boost::system::error_code> read(Parser& parser) = 0;
  virtual Task<boost::system::error_code> read_header(Parser& parser) = 0;
  // At least some bytes of the body, or its end; beast::error::timeout after `limit`.
  virtual Task<boost::system::error_code> read_some(Parser& parser, std::chrono::milliseconds limit) = 0;
};

Result<std::shared_ptr<asio::ssl::context>> make_tls_context(const TlsOptions& options);
// The caller sets the deadline around it.
Task<Result<std::unique_ptr<Connection>>> connect(asio::any_io_executor executor, Origin origin);

}  // namespace lemmy::net
