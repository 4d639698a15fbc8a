#include "net/server.h"

#include <algorithm>
#include <array>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "async/race.h"
#include "base/log.h"
#include "base/strings.h"
#include "net/chunk_stream.h"
#include "net/connections.h"
#include "net/refusal.h"
#include "net/request_head.h"

namespace lemmy::net {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
constexpr std::chrono::seconds kWriteTime{30};
constexpr size_t kMostDrained = 16 << 20;
constexpr size_t kRefused = 64;  // told so at once; others are only closed

}  // namespace

struct Server::State {
  State(asio::any_io_executor e, Handler h, ServerLimits l)
      : executor(e), acceptor(e), handler(std::move(h)), limits(l), connections(l.connections), group(e) {}
  asio::any_io_executor executor;
  tcp::acceptor acceptor;
  Handler handler;
  ServerLimits limits;
  Connections connections;
  Group group;
  bool stopping = false;
  size_t refusing = 0;

  struct Answering {
    Connections::Handle connection;
    bool head = false, keep_alive = false, gzip = false;
    unsigned version = 11;
  };
  Task<bool> respond(beast::tcp_stream& stream, Response& out, Answering how);
  Task<bool> respond_stream(beast::tcp_stream& stream, Response& out, Answering how);
  static Task<> serve(std::shared_ptr<State> self, std::unique_ptr<beast::tcp_stream> stream,
                      std::string remote);
  static Task<> refuse(std::shared_ptr<State> self, tcp::socket socket);
  static Task<> accept(std::shared_ptr<State> self);
};

// False: the connection is to be closed.
Task<bool> Server::State::respond(beast::tcp_stream& stream, Response& out, Answering how) {
  if (out.stream) co_return co_await respond_stream(stream, out, how);
  connections.now(how.connection, Connections::Doing::writing);
  const std::string text = response_head(out, how.version, how.keep_alive);
  // Head and body in one write: each costs more than all of Lemmy's own work on a small answer.
  std::array<asio::const_buffer, 2> parts{asio::buffer(text)};
  if (!how.head && has_body(out)) parts[1] = asio::buffer(body_of(out));
  stream.expires_after(kWriteTime);
  auto [ec, n] = co_await asio::async_write(stream, parts, kTuple);
  co_return !ec && how.keep_alive;
}

Task<bool> Server::State::respond_stream(beast::tcp_stream& stream, Response& out, Answering how) {
  const bool gzip = out.compress && how.gzip;
  if (gzip) out.headers.emplace("Content-Encoding", "gzip");
  if (out.compress) out.headers.emplace("Vary", "Accept-Encoding");
  if (how.version == 10) how.keep_alive = false;  // the end of the connection is that of the body
  connections.now(how.connection, Connections::Doing::streaming);
  auto chunks = std::make_shared<ChunkStream>(stream, gzip, how.version != 10);
  std::string text = response_head(out, how.version, how.keep_alive);
  if (!how.head) text += chunks->begin();
  stream.expires_after(kWriteTime);
  auto [ec, n] = co_await asio::async_write(stream, asio::buffer(text), kTuple);
  if (ec || stopping) co_return false;
  if (how.head) co_return how.keep_alive;
  auto run = out.stream;  // keeps the closure alive while its coroutine runs
  const size_t first = co_await race(run(chunks), until_gone(&stream));
  connections.now(how.connection, Connections::Doing::writing);
  const bool gone = first != 0 || !chunks->open();
  chunks->close();
  if (gone) co_return false;
  const std::string end = chunks->end();
  stream.expires_after(kWriteTime);
  auto [last_ec, last_n] = co_await asio::async_write(stream, asio::buffer(end), kTuple);
  co_return !last_ec && how.keep_alive;
}

namespace {
// RFC 9112, 9.6: to close while the peer still sends resets the connection, and the answer may be lost with
// it.
Task<> drain(beast::tcp_stream& stream) {
  std::array<char, 16384> nowhere;
  const auto until = Clock::now() + std::chrono::seconds(2);
  for (size_t taken = 0; taken < kMostDrained;) {
    stream.expires_at(until);
    auto [ec, n] = co_await stream.async_read_some(asio::buffer(nowhere), kTuple);
    if (ec) break;
    taken += n;
  }
}
}  // namespace

// A small request came whole: no need to wait for it.
static boost::system::error_code parse_what_is_there(RequestParser& parser, beast::flat_buffer& buffer,
                                                     bool body) {
  boost::system::error_code ec;
  parser.eager(body);
  if (buffer.size() > 0) buffer.consume(parser.put(buffer.data(), ec));
  if (ec == http::error::need_more) ec = {};
  return ec;
}

Task<> Server::State::serve(std::shared_ptr<State> self, std::unique_ptr<beast::tcp_stream> owned,
                            std::string remote) {
  using Doing = Connections::Doing;
  beast::tcp_stream& stream = *owned;
  const auto connection = self->connections.add(one_caller(remote), [&stream] {
    boost::system::error_code ignored;
    stream.socket().close(ignored);
  });
  struct Leave {
    State& s;
    Connections::Handle c;
    ~Leave() { s.connections.remove(c); }
  } leave{*self, connection};
  beast::flat_buffer buffer;
  bool keep = true, refused = false;
  for (bool first = true; keep && !self->stopping; first = false) {
    RequestParser parser;
    parser.header_limit(self->limits.header_bytes);
    parser.body_limit(self->limits.body_bytes);
    if (!first && buffer.size() == 0) {  // idle: wait for the first byte of the next request
      self->connections.now(connection, Doing::idle);
      stream.expires_after(self->limits.idle_time);
      auto [ec, n] = co_await stream.async_read_some(buffer.prepare(4096), kTuple);
      if (ec) break;
      buffer.commit(n);
    }
    self->connections.now(connection, Doing::reading);
    Request request;
    const auto deadline = Clock::now() + self->limits.header_time;
    // Its head first: the trailer of a body would come among its fields.
    boost::system::error_code ec = parse_what_is_there(parser, buffer, false);
    if (!ec && !parser.is_header_done()) {
      stream.expires_at(deadline);
      std::tie(ec, std::ignore) = co_await http::async_read_header(stream, buffer, parser, kTuple);
    }
    const char* doubt = ec ? nullptr : doubtful(parser);
    if (!ec && !doubt) {
      take_fields(request, parser);
      if (!parser.is_done()) ec = parse_what_is_there(parser, buffer, true);
    }
    if (!ec && !doubt && !parser.is_done()) {
      stream.expires_at(deadline);
      const bool begun = buffer.size() > 0 || !parser.get().body().empty();
      if (!begun && waits_for_continue(parser)) {
        constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        std::tie(ec, std::ignore) = co_await asio::async_write(stream, asio::buffer(go_on), kTuple);
      }
      if (!ec) std::tie(ec, std::ignore) = co_await http::async_read(stream, buffer, parser, kTuple);
    }
    Response response;
    Answering how{connection};
    if (ec == http::error::end_of_stream || ec == asio::error::connection_reset ||
        ec == asio::error::operation_aborted)
      break;
    unsigned version = parser.get().version() ? parser.get().version() : 11;
    if (ec || doubt) {
      if (ec == beast::error::timeout) break;  // Beast has closed the socket
      keep = false;
      refused = true;
      response = refusal(ec, doubt, self->limits);
    } else if (!take_target(request, parser)) {
      keep = false;
      response = problem(400, "Malformed request", "the address is not a valid path");
    } else {
      keep = parser.get().keep_alive();
      how.head = request.method == "HEAD";
      how.gzip = takes_gzip(header(request.headers, "Accept-Encoding"));
      request.body = std::move(parser.get().body());
      request.remote = remote;
      stream.expires_never();
      self->connections.now(connection, Doing::answering);
      std::string failure;
      try {
        response = co_await self->handler(std::move(request));
      } catch (const boost::system::system_error& e) {
        if (e.code() == asio::error::operation_aborted) throw;
        failure = e.what();
      } catch (const std::exception& e) {
        failure = e.what();
      }
      if (!failure.empty()) {
        log::error("a handler threw", {{"target", std::string(parser.get().target())}, {"what", failure}});
        response = problem(500, "Internal error", "the server log says more");
      }
    }
    how.keep_alive = keep && !self->stopping;
    how.version = version;
    bool go_on = co_await self->respond(stream, response, how);
    keep = keep && go_on;
  }
  boost::system::error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
  if (refused) co_await drain(stream);
}

Task<> Server::State::accept(std::shared_ptr<State> self) {
  while (!self->stopping) {
    auto [ec, socket] = co_await self->acceptor.async_accept(kTuple);
    if (ec == asio::error::operation_aborted) co_return;
    if (ec) {  // out of file descriptors, most likely
      log::warning("cannot accept a connection", {{"what", ec.message()}});
      co_await sleep_for(std::chrono::milliseconds{100});
      continue;
    }
    const auto peer = socket.remote_endpoint(ec);
    const std::string remote = ec ? "" : peer.address().to_string();
    if (!self->connections.make_room(one_caller(remote))) {
      if (self->refusing < kRefused) self->group.spawn("http refusal", refuse(self, std::move(socket)));
      continue;  // or closes it
    }
    socket.set_option(tcp::no_delay(true), ec);
    self->group.spawn("http connection",
                      serve(self, std::make_unique<beast::tcp_stream>(std::move(socket)), remote));
  }
}

Task<> Server::State::refuse(std::shared_ptr<State> self, tcp::socket socket) {
  struct Count {
    size_t& n;
    explicit Count(size_t& at) : n(++at) {}
    ~Count() { --n; }
  } count{self->refusing};
  beast::tcp_stream stream(std::move(socket));
  Response busy = problem(503, "Too many connections", "this server has as many connections as it takes");
  busy.headers.emplace("Retry-After", "5");
  const std::string text = response_head(busy, 11, false) + body_of(busy);
  stream.expires_after(std::chrono::seconds{2});
  co_await asio::async_write(stream, asio::buffer(text), kTuple);
  boost::system::error_code ignored;
  stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
  co_await drain(stream);
}

Server::Server(asio::any_io_executor executor, Handler handler, ServerLimits limits)
    : state_(std::make_shared<State>(executor, std::move(handler), limits)) {}

Server::~Server() {
  state_->stopping = true;
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  state_->group.cancel();
}

Result<uint16_t> Server::listen(const std::string& host, uint16_t port) {
  std::string where = host + ":" + std::to_string(port);
  boost::system::error_code ec;
  auto address = asio::ip::make_address(host == "localhost" ? "127.0.0.1" : host, ec);
  if (ec) return fail(ErrorCode::invalid, where, "this is not an IP address", "for example 127.0.0.1 or ::");
  tcp::endpoint endpoint{address, port};
  auto step = [&](auto f) {
    if (!ec) f();
  };
  step([&] { state_->acceptor.open(endpoint.protocol(), ec); });
  step([&] { state_->acceptor.set_option(asio::socket_base::reuse_address(true), ec); });
  step([&] { state_->acceptor.bind(endpoint, ec); });
  step([&] { state_->acceptor.listen(1024, ec); });
  if (ec)
    return fail(ErrorCode::unavailable, where, "cannot listen: " + ec.message(),
                ec == asio::error::address_in_use
                    ? "another program uses this port: choose another with --port"
                    : "");
  uint16_t bound = state_->acceptor.local_endpoint().port();
  state_->group.spawn("http accept", State::accept(state_));
  return bound;
}

Task<bool> Server::stop(std::chrono::milliseconds grace) {
  auto state = state_;
  state->stopping = true;
  boost::system::error_code ignored;
  state->acceptor.close(ignored);
  state->connections.close(Connections::Doing::idle);
  state->connections.close(Connections::Doing::streaming);
  bool all_ended = co_await state->group.join(grace);
  if (!all_ended) state->group.cancel();
  co_return all_ended;
}

size_t Server::connections() const { return state_->connections.size(); }

}  // namespace lemmy::net
