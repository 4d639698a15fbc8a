#pragma once
// gzip (RFC 1952) of bodies and streams.
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace lemmy::net {

using Shared = std::shared_ptr<const std::string>;

// A part of a stream's body, which many streams may share: however many send it, it is compressed once. Any
// thread.
class Piece {
 public:
  explicit Piece(Shared text) : text_(std::move(text)) {}
  explicit Piece(std::string text) : text_(std::make_shared<const std::string>(std::move(text))) {}
  const std::string& plain() const { return *text_; }

  struct Deflated {
    // Whole blocks (RFC 1951), none of them the last one, that begin and end at a byte and refer to nothing
    // before them: what is deflated so may follow anything that is.
    std::string blocks;
    uint32_t crc = 0;  // CRC-32 of the plain text
  };
  const Deflated& deflated() const;  // made at the first call: some 20 us for each KiB

 private:
  Shared text_;
  mutable std::once_flag once_;
  mutable Deflated deflated_;
};
using SharedPiece = std::shared_ptr<const Piece>;
inline SharedPiece piece(std::string text) { return std::make_shared<const Piece>(std::move(text)); }

// What a gzip member made of pieces has before, and after them.
class GzipFrame {
 public:
  static const std::string& head();
  void add(const Piece& piece);  // it was sent
  std::string end() const;

 private:
  uint32_t crc_ = 0;
  uint64_t size_ = 0;
};

// A whole member. It takes some 20 us for each KiB: not on the loop thread when it is much. Its header has a
// name of random length, so that the size of a page tells little of the tokens in it (BREACH).
std::string gzip(std::string_view text);
// Of an Accept-Encoding field (RFC 9110, 12.5.3).
bool takes_gzip(std::string_view accept_encoding);

}  // namespace lemmy::net
