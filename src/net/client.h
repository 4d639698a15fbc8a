#pragma once
#include "net/http.h"
#include "net/proxy.h"
#include "net/resolver.h"

namespace lemmy::net {

// What to trust and what to show. PEM text, not file names. Empty ca_pem: the system's store.
struct TlsOptions {
  std::string ca_pem;
  std::string client_certificate_pem;  // chain
  std::string client_key_pem;
  std::string server_name;  // for SNI and the name check instead of the URL's host; DNS name or IP address
  bool insecure_skip_verify = false;
  bool operator==(const TlsOptions&) const = default;
};

struct ClientRequest {
  std::string method = "GET";
  std::string target;  // path and query
  Headers headers;
  std::string body;
};
struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;
};

// A response whose body is read as it comes: a Kubernetes watch, a followed log.
class ClientStream {
 public:
  virtual ~ClientStream() = default;
  virtual int status() const = 0;
  virtual const Headers& headers() const = 0;
  // The next line without its end; nullopt at the end of the body. Fails with too_large over `most` bytes,
  // timeout when nothing at all came for `idle`.
  virtual Task<Result<std::optional<std::string>>> read_line(size_t most, std::chrono::milliseconds idle) = 0;
  // The rest, at most `most` bytes: error bodies.
  virtual Task<Result<std::string>> read_rest(size_t most, std::chrono::milliseconds limit) = 0;
  // Closes the connection: who reads gets unavailable.
  virtual void close() = 0;
};

// A client for one origin with a small pool of kept-alive connections; those that were idle for 50 s go at
// the next request. Loop thread only. Errors: unavailable (refused, no such host, cut), timeout, too_large,
// rejected (certificate not trusted, named).
class Client {
 public:
  // base: http://host:port or https://host:port, a path prefix is kept. Fails with invalid on a bad URL or
  // PEM. resolver: null for one of its own. proxy: every connection is made through it, also of http; an
  // https one is trusted by `tls`, as the server is.
  static Result<std::shared_ptr<Client>> create(asio::any_io_executor executor, const std::string& base,
                                                TlsOptions tls = {},
                                                std::shared_ptr<Resolver> resolver = nullptr,
                                                std::optional<Proxy> proxy = std::nullopt);
  virtual ~Client() = default;
  // A request on a kept-alive connection that turns out dead before any byte of the answer is tried once more
  // on a fresh one, for GET, HEAD, PUT, PATCH and DELETE only (idempotent in how Lemmy uses them), not for
  // POST.
  virtual Task<Result<ClientResponse>> send(ClientRequest request, std::chrono::milliseconds limit,
                                            size_t most_bytes = 64u << 20) = 0;
  // Opens a streamed response; `limit` covers connecting and the headers. Uses a connection of its own.
  virtual Task<Result<std::unique_ptr<ClientStream>>> open(ClientRequest request,
                                                           std::chrono::milliseconds limit) = 0;
  // Closes the connections that nobody uses, and keeps none from now on. Requests still work.
  virtual void close() = 0;
};

}  // namespace lemmy::net
