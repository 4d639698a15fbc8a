#include "net/piece.h"

#include <zlib.h>

#include <charconv>
#include <stdexcept>

#include "base/crypto.h"
#include "base/strings.h"

namespace lemmy::net {
namespace {

constexpr int kRaw = -15, kMemory = 8;  // no header of its own; the largest window

// Making its tables anew for each small piece would cost more than compressing it.
class Deflater {
 public:
  Deflater() {
    if (deflateInit2(&z_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kRaw, kMemory, Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc();
  }
  ~Deflater() { deflateEnd(&z_); }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  void run(std::string_view text, int flush, std::string& out) {
    deflateReset(&z_);
    z_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    z_.avail_in = static_cast<uInt>(text.size());
    const size_t from = out.size();
    // A bound for one go; the flush adds an empty block.
    out.resize(from + deflateBound(&z_, text.size()) + 16);
    z_.next_out = reinterpret_cast<Bytef*>(out.data() + from);
    z_.avail_out = static_cast<uInt>(out.size() - from);
    const int code = deflate(&z_, flush);
    if (code != (flush == Z_FINISH ? Z_STREAM_END : Z_OK) || z_.avail_in > 0 || z_.avail_out == 0)
      throw std::logic_error("zlib took more room than its bound");
    out.resize(out.size() - z_.avail_out);
  }

 private:
  z_stream z_{};
};

Deflater& deflater() {
  static thread_local Deflater one;
  return one;
}

uint32_t crc_of(std::string_view text) {
  return static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), text.size()));
}

void put_number(std::string& out, uint64_t n) {  // 4 bytes, the least first
  for (int i = 0; i < 4; ++i) out += static_cast<char>(n >> 8 * i & 0xff);
}

std::string trailer(uint32_t crc, uint64_t size) {
  std::string out;
  put_number(out, crc);
  put_number(out, size);  // modulo 2^32
  return out;
}

// RFC 1952, 2.3: magic, deflate, flags, no time, no extra flags, Unix.
std::string header(char flags) {
  const char head[] = {'\x1f', '\x8b', 8, flags, 0, 0, 0, 0, 0, 3};
  return {head, sizeof head};
}

}  // namespace

const Piece::Deflated& Piece::deflated() const {
  std::call_once(once_, [this] {
    deflater().run(*text_, Z_SYNC_FLUSH, deflated_.blocks);
    deflated_.blocks.shrink_to_fit();
    deflated_.crc = crc_of(*text_);
  });
  return deflated_;
}

const std::string& GzipFrame::head() {
  static const std::string text = header(0);
  return text;
}

void GzipFrame::add(const Piece& piece) {
  const auto n = static_cast<z_off_t>(piece.plain().size());
  crc_ = static_cast<uint32_t>(crc32_combine(crc_, piece.deflated().crc, n));
  size_ += piece.plain().size();
}

std::string GzipFrame::end() const {
  return std::string("\x03\0", 2) + trailer(crc_, size_);  // an empty last block
}

std::string gzip(std::string_view text) {
  constexpr size_t kName = 100;
  const auto n = static_cast<unsigned char>(random_bytes(1)[0]) * kName / 256;
  std::string out = header(8) + std::string(n + 1, 'a');  // FNAME, ended by NUL
  out.back() = '\0';
  deflater().run(text, Z_FINISH, out);
  return out += trailer(crc_of(text), text.size());
}

bool takes_gzip(std::string_view field) {
  bool takes = false;
  for (std::string_view item : split(field, ',')) {
    auto parts = split(item, ';');
    const std::string coding = lower(trim(parts[0]));
    if (coding != "gzip" && coding != "x-gzip" && coding != "*") continue;
    double weight = 1;
    for (std::string_view parameter : std::span(parts).subspan(1))
      if (parameter = trim(parameter); parameter.starts_with("q=") || parameter.starts_with("Q=")) {
        parameter.remove_prefix(2);
        auto [end, ec] = std::from_chars(parameter.data(), parameter.data() + parameter.size(), weight);
        if (ec != std::errc{}) weight = 0;
      }
    if (coding != "*") return weight > 0;  // named, so * says nothing of it
    takes = weight > 0;
  }
  return takes;
}

}  // namespace lemmy::net
