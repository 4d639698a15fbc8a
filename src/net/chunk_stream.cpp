#include "net/chunk_stream.h"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/beast/http.hpp>

namespace lemmy::net {
namespace {

namespace http = boost::beast::http;
using asio::ip::tcp;
constexpr std::chrono::seconds kWriteTime{30};
// Of what is not even sent, and of all that the peer has not confirmed (the system doubles it).
constexpr int kUnsent = 16 << 10, kUnconfirmed = 64 << 10;

}  // namespace

ChunkStream::ChunkStream(boost::beast::tcp_stream& stream, bool gzip, bool chunked)
    : stream_(&stream), chunked_(chunked) {
  if (gzip) gzip_.emplace();
  boost::system::error_code ignored;
  stream.socket().set_option(asio::socket_base::send_buffer_size(kUnconfirmed), ignored);
  const int unsent = kUnsent;
  ::setsockopt(stream.socket().native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}

Task<Result<>> ChunkStream::write(SharedPiece piece) {
  if (!stream_) co_return fail(ErrorCode::cancelled, "stream", "the peer has gone");
  const std::string& bytes = gzip_ ? piece->deflated().blocks : piece->plain();
  if (piece->plain().empty()) co_return Result<>{};  // an empty chunk would end the body
  if (gzip_) gzip_->add(*piece);
  stream_->expires_after(kWriteTime);
  const std::string size = before(bytes.size());
  const std::array parts{asio::buffer(size), asio::buffer(bytes), asio::buffer(after())};
  auto [ec, n] = co_await asio::async_write(*stream_, parts, kTuple);
  if (ec) {
    stream_ = nullptr;
    co_return fail(ErrorCode::cancelled, "stream", "the peer has gone: " + ec.message());
  }
  co_return Result<>{};
}

std::string ChunkStream::before(size_t bytes) const { return chunked_ ? fmt::format("{:x}\r\n", bytes) : ""; }
std::string_view ChunkStream::after() const { return chunked_ ? "\r\n" : ""; }

std::string ChunkStream::framed(std::string_view bytes) const {
  return before(bytes.size()).append(bytes).append(after());
}

std::string ChunkStream::begin() const { return gzip_ ? framed(GzipFrame::head()) : ""; }

std::string ChunkStream::end() const {
  return (gzip_ ? framed(gzip_->end()) : "") + (chunked_ ? "0\r\n\r\n" : "");
}

Task<> until_gone(boost::beast::tcp_stream* stream) {
  for (;;) {
    auto [ec] = co_await stream->socket().async_wait(tcp::socket::wait_read, kTuple);
    if (ec) co_return;
    char one;
    const ssize_t n = ::recv(stream->socket().native_handle(), &one, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) co_return;
    if (n < 0) continue;
    // More cannot be seen without reading: a write finds out who goes now.
    asio::steady_timer never(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
    co_await never.async_wait(kTuple);
    co_return;
  }
}

}  // namespace lemmy::net
