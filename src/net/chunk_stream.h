#pragma once
// Inside room net: the body of a response that is written while it is made.
#include <boost/beast/core.hpp>

#include "net/http.h"

namespace lemmy::net {

// One chunk (RFC 9112, 7.1) for each piece; to a client of HTTP/1.0, which knows none, the pieces as they
// are, and the end of the connection ends them (RFC 1945, 7.2.2). The socket keeps little that the peer has
// not taken, so that who reads slowly is not sent what has become old meanwhile.
class ChunkStream : public Stream {
 public:
  ChunkStream(boost::beast::tcp_stream& stream, bool gzip, bool chunked);
  using Stream::write;
  Task<Result<>> write(SharedPiece piece) override;
  bool compressed() const override { return gzip_.has_value(); }
  bool open() const { return stream_; }
  void close() { stream_ = nullptr; }
  // What comes before the first piece, and after the last one: whole chunks, or as they are.
  std::string begin() const;
  std::string end() const;

 private:
  // What stands around so many bytes.
  std::string before(size_t bytes) const;
  std::string_view after() const;
  std::string framed(std::string_view bytes) const;

  boost::beast::tcp_stream* stream_;
  bool chunked_;
  std::optional<GzipFrame> gzip_;
};

// Returns when the peer of *stream, which outlives this, has closed its side. What it sends meanwhile, a next
// request, stays unread.
Task<> until_gone(boost::beast::tcp_stream* stream);

}  // namespace lemmy::net
