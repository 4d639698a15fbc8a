#pragma once
// Addresses and the networks that they are in. Pure.
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lemmy {

struct Network {
  std::array<uint8_t, 16> address{};  // IPv4 as ::ffff:a.b.c.d
  int bits = 128;                     // that count
  bool operator==(const Network&) const = default;
};

// "10.0.0.0/8", "fd00::/8", "192.0.2.1"; nullopt: it is none.
std::optional<Network> read_network(std::string_view text);
bool contains(const std::vector<Network>& networks,
              std::string_view address);  // false also when that is none

// An address as proxies write it in X-Forwarded-For, without port and brackets: "192.0.2.1:4711",
// "[2001:db8::1]:4711"; an IPv4 address in IPv6 as IPv4. nullopt: it is none.
std::optional<std::string> plain_address(std::string_view text);

}  // namespace lemmy
