#include "net/client.h"

#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/url.hpp>
#include <deque>

#include "net/connection.h"

namespace lemmy::net {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
constexpr size_t kPooled = 8;
constexpr std::chrono::seconds kPooledFor{50};  // API servers close idle connections after 60 s and more

bool repeatable(std::string_view method) { return method != "POST"; }

// A blank or a line end in it would end the request line, and what follows would be read as more requests.
Result<> check_target(const std::string& target, const std::string& where) {
  for (unsigned char c : target)
    if (c <= 0x20 || c >= 0x7f)
      return fail(ErrorCode::invalid, where, "the address has characters that are not allowed");
  return {};
}

Headers take_headers(const http::fields& fields) {
  Headers out;
  for (const auto& f : fields) out.emplace(std::string(f.name_string()), std::string(f.value()));
  return out;
}

class LineStream : public ClientStream {
 public:
  LineStream(std::unique_ptr<Connection> c, std::string where)
      : connection_(std::move(c)), where_(std::move(where)) {
    parser_.body_limit(boost::none);
    parser_.header_limit(64 * 1024);
  }
  Task<Result<>> start(ClientRequest request, const std::string& host) {
    auto sent = co_await connection_->write(request, host);
    if (!sent) co_return sent;
    auto ec = co_await connection_->read_header(parser_);
    if (ec) co_return fail(ErrorCode::unavailable, where_, "no answer: " + ec.message());
    headers_ = take_headers(parser_.get());
    co_return Result<>{};
  }
  int status() const override { return static_cast<int>(parser_.get().result_int()); }
  const Headers& headers() const override { return headers_; }

  Task<Result<std::optional<std::string>>> read_line(size_t most, std::chrono::milliseconds idle) override {
    for (;;) {
      size_t end = buffer_.find('\n', scanned_);
      if (end != buffer_.npos) {
        std::string line = buffer_.substr(start_, end - start_);
        start_ = scanned_ = end + 1;
        if (start_ == buffer_.size()) buffer_.clear(), start_ = scanned_ = 0;
        if (!line.empty() && line.back() == '\r') line.pop_back();
        co_return std::optional(std::move(line));
      }
      scanned_ = buffer_.size();
      if (scanned_ - start_ > most) co_return fail(ErrorCode::too_large, where_, "a line is too long");
      if (parser_.is_done()) {
        if (start_ == buffer_.size()) co_return std::optional<std::string>();
        std::string rest = buffer_.substr(start_);
        start_ = scanned_ = buffer_.size();
        co_return std::optional(std::move(rest));
      }
      buffer_.erase(0, start_);
      scanned_ -= start_;
      start_ = 0;
      auto more = co_await fill(idle);
      if (!more) co_return fail(more.error());
    }
  }

  Task<Result<std::string>> read_rest(size_t most, std::chrono::milliseconds limit) override {
    auto deadline = Clock::now() + limit;
    while (!parser_.is_done() && buffer_.size() < most) {
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
      auto more = co_await fill(left);
      if (!more) co_return fail(more.error());
    }
    co_return buffer_.substr(start_, most);
  }
  void close() override { connection_->close(); }

 private:
  Task<Result<>> fill(std::chrono::milliseconds limit) {
    auto ec = co_await connection_->read_some(parser_, limit);
    buffer_ += parser_.get().body();
    parser_.get().body().clear();
    if (ec == beast::error::timeout) co_return fail(ErrorCode::timeout, where_, "nothing came for too long");
    if (ec && !parser_.is_done())
      co_return fail(ErrorCode::unavailable, where_, "the connection was cut: " + ec.message());
    co_return Result<>{};
  }

  std::unique_ptr<Connection> connection_;
  std::string where_;
  http::response_parser<http::string_body> parser_;
  Headers headers_;
  std::string buffer_;
  size_t start_ = 0, scanned_ = 0;
};

class PooledClient : public Client, public std::enable_shared_from_this<PooledClient> {
 public:
  PooledClient(asio::any_io_executor e, Origin origin, std::shared_ptr<Resolver> resolver)
      : executor_(e), origin_(std::move(origin)), resolver_(std::move(resolver)) {}

  Task<Result<ClientResponse>> send(ClientRequest request, std::chrono::milliseconds limit,
                                    size_t most) override {
    std::string where = request.method + " " + origin_.text + request.target;
    where = where.substr(0, where.find('?'));
    if (auto ok = check_target(request.target, where); !ok) co_return fail(ok.error());
    co_return co_await with_deadline(exchange(shared_from_this(), std::move(request), where, most), limit,
                                     where);
  }

  Task<Result<std::unique_ptr<ClientStream>>> open(ClientRequest request,
                                                   std::chrono::milliseconds limit) override {
    std::string where = request.method + " " + origin_.text + request.target;
    where = where.substr(0, where.find('?'));
    if (auto ok = check_target(request.target, where); !ok) co_return fail(ok.error());
    co_return co_await with_deadline(start(shared_from_this(), std::move(request), where), limit, where);
  }

  void close() override {
    closed_ = true;
    pool_.clear();
  }

 private:
  static Task<Result<std::unique_ptr<ClientStream>>> start(std::shared_ptr<PooledClient> self,
                                                           ClientRequest request, std::string where) {
    request.target = self->origin_.prefix + request.target;
    auto connection = co_await connect(self->executor_, self->origin_, self->resolver_);
    if (!connection) co_return fail(connection.error());
    auto stream = std::make_unique<LineStream>(std::move(*connection), where);
    auto started = co_await stream->start(std::move(request), self->origin_.host_header);
    if (!started) co_return fail(started.error());
    co_return std::unique_ptr<ClientStream>(std::move(stream));
  }

  static Task<Result<ClientResponse>> exchange(std::shared_ptr<PooledClient> self, ClientRequest request,
                                               std::string where, size_t most) {
    request.target = self->origin_.prefix + request.target;
    for (bool again = false;; again = true) {
      std::unique_ptr<Connection> connection = again ? nullptr : self->take();
      bool reused = connection != nullptr;
      if (!connection) {
        auto fresh = co_await connect(self->executor_, self->origin_, self->resolver_);
        if (!fresh) co_return fail(fresh.error());
        connection = std::move(*fresh);
      }
      http::response_parser<http::string_body> parser;
      parser.body_limit(most);
      parser.header_limit(64 * 1024);
      parser.skip(request.method == "HEAD");
      auto sent = co_await connection->write(request, self->origin_.host_header);
      boost::system::error_code ec;
      if (sent) ec = co_await connection->read(parser);
      if (!sent || ec) {
        bool dead = !parser.got_some();
        if (reused && dead && repeatable(request.method)) continue;
        if (ec == http::error::body_limit)
          co_return fail(ErrorCode::too_large, where,
                         "the answer is larger than " + std::to_string(most) + " bytes");
        co_return fail(ErrorCode::unavailable, where,
                       "the connection was cut: " + (sent ? ec.message() : sent.error().what));
      }
      ClientResponse out;
      out.status = static_cast<int>(parser.get().result_int());
      out.headers = take_headers(parser.get());
      out.body = std::move(parser.get().body());
      if (parser.get().keep_alive()) self->give_back(std::move(connection));
      co_return out;
    }
  }

  std::unique_ptr<Connection> take() {
    drop_old();
    if (pool_.empty()) return nullptr;
    auto connection = std::move(pool_.back().second);
    pool_.pop_back();
    return connection;
  }
  void give_back(std::unique_ptr<Connection> c) {
    if (closed_) return;
    drop_old();
    if (pool_.size() >= kPooled) pool_.pop_front();
    pool_.emplace_back(Clock::now(), std::move(c));
  }
  void drop_old() {
    while (!pool_.empty() && Clock::now() - pool_.front().first >= kPooledFor) pool_.pop_front();
  }
  asio::any_io_executor executor_;
  Origin origin_;
  std::shared_ptr<Resolver> resolver_;
  std::deque<std::pair<Clock::time_point, std::unique_ptr<Connection>>> pool_;  // the oldest first
  bool closed_ = false;
};

}  // namespace

Result<std::shared_ptr<Client>> Client::create(asio::any_io_executor executor, const std::string& base,
                                               TlsOptions tls, std::shared_ptr<Resolver> resolver,
                                               std::optional<Proxy> proxy) {
  auto url = boost::urls::parse_uri(base);
  if (!url || (url->scheme() != "http" && url->scheme() != "https") || url->host().empty())
    return fail(ErrorCode::invalid, base, "this is not an http or https address");
  Origin o;
  o.host = url->host_address();
  o.tls = url->scheme() == "https";
  o.port = url->port().empty() ? (o.tls ? 443 : 80) : url->port_number();
  o.prefix = std::string(url->encoded_path());
  while (o.prefix.ends_with('/')) o.prefix.pop_back();
  o.host_header = std::string(url->encoded_host_and_port());
  o.text = std::string(url->scheme()) + "://" + o.host_header;
  o.server_name = tls.server_name.empty() ? o.host : tls.server_name;
  if (o.tls) {
    auto context = make_tls_context(tls);
    if (!context) return fail(context.error());
    o.context = *context;
    o.verify = !tls.insecure_skip_verify;
  }
  if (proxy && proxy->kind == Proxy::Kind::https) {
    auto context = make_tls_context(tls);  // as Go's programs trust both
    if (!context) return fail(context.error());
    o.proxy_context = *context;
  }
  o.proxy = std::move(proxy);
  if (!resolver) resolver = std::make_shared<Resolver>(executor);
  return std::make_shared<PooledClient>(executor, std::move(o), std::move(resolver));
}

}  // namespace lemmy::net
