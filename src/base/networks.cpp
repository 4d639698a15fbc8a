#include "base/networks.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "base/strings.h"

namespace lemmy {
namespace {

constexpr int kV4Bits = 96;  // before an IPv4 address in an IPv6 one

std::optional<std::array<uint8_t, 16>> bytes_of(std::string_view text) {
  std::array<uint8_t, 16> out{};
  const std::string whole(text);
  if (::inet_pton(AF_INET6, whole.c_str(), out.data()) == 1) return out;
  out = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (::inet_pton(AF_INET, whole.c_str(), out.data() + 12) == 1) return out;
  return std::nullopt;
}

bool is_v4(const std::array<uint8_t, 16>& a) {
  return a[10] == 0xff && a[11] == 0xff &&
         std::all_of(a.begin(), a.begin() + 10, [](uint8_t b) { return b == 0; });
}

}  // namespace

std::optional<Network> read_network(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = bytes_of(text.substr(0, slash));
  if (!address) return std::nullopt;
  Network out{*address, 128};
  if (slash == text.npos) return out;
  const std::string_view length = text.substr(slash + 1);
  const bool v4 = text.substr(0, slash).find(':') == text.npos;
  int bits = 0;
  const auto [end, bad] = std::from_chars(length.data(), length.data() + length.size(), bits);
  if (bad != std::errc() || end != length.data() + length.size() || bits < 0 || bits > (v4 ? 32 : 128))
    return std::nullopt;
  out.bits = v4 ? kV4Bits + bits : bits;
  return out;
}

bool contains(const std::vector<Network>& networks, std::string_view address) {
  const auto is = bytes_of(address);
  return is && std::ranges::any_of(networks, [&](const Network& n) {
           const size_t whole = static_cast<size_t>(n.bits) / 8, rest = static_cast<size_t>(n.bits) % 8;
           if (!std::equal(is->begin(), is->begin() + whole, n.address.begin())) return false;
           return rest == 0 || ((*is)[whole] ^ n.address[whole]) >> (8 - rest) == 0;
         });
}

std::optional<std::string> plain_address(std::string_view text) {
  text = trim(text);
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == text.npos || (end + 1 < text.size() && text[end + 1] != ':')) return std::nullopt;
    text = text.substr(1, end - 1);
  } else if (std::ranges::count(text, ':') == 1) {
    text = text.substr(0, text.find(':'));
  }
  const auto bytes = bytes_of(text);
  if (!bytes) return std::nullopt;
  char out[INET6_ADDRSTRLEN] = {};
  is_v4(*bytes) ? ::inet_ntop(AF_INET, bytes->data() + 12, out, sizeof out)
                : ::inet_ntop(AF_INET6, bytes->data(), out, sizeof out);
  return std::string(out);
}

}  // namespace lemmy
