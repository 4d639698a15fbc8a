#include "base/networks.h"

#include <gtest/gtest.h>

namespace lemmy {
namespace {

TEST(Networks, hold_the_addresses_that_are_in_them) {
  const std::vector<Network> some{*read_network("10.0.0.0/8"), *read_network("192.0.2.128/25"),
                                  *read_network("fd00::/9"), *read_network("198.51.100.7")};
  for (const char* in : {"10.1.2.3", "::ffff:10.1.2.3", "192.0.2.200", "fd7f::1", "198.51.100.7"})
    EXPECT_TRUE(contains(some, in)) << in;
  for (const char* out : {"11.0.0.1", "192.0.2.1", "fd80::1", "198.51.100.8", "", "nonsense", "::10.1.2.3"})
    EXPECT_FALSE(contains(some, out)) << out;
  EXPECT_TRUE(contains({*read_network("0.0.0.0/0")}, "203.0.113.9"));
  EXPECT_FALSE(contains({*read_network("0.0.0.0/0")}, "2001:db8::1"));
  for (const char* bad : {"", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "10.0.0.0/8x", "fd00::/129", "host"})
    EXPECT_FALSE(read_network(bad)) << bad;
}

TEST(Networks, addresses_of_proxies_lose_port_and_brackets) {
  EXPECT_EQ(plain_address("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(plain_address(" 192.0.2.1:4711"), "192.0.2.1");
  EXPECT_EQ(plain_address("[2001:DB8::1]:4711"), "2001:db8::1");
  EXPECT_EQ(plain_address("2001:db8::1"), "2001:db8::1");
  EXPECT_EQ(plain_address("[::ffff:1.2.3.4]:1"), "1.2.3.4");
  for (const char* bad : {"", "unknown", "_hidden", "[::1", "[::1]x", "1.2.3"})
    EXPECT_FALSE(plain_address(bad)) << bad;
}

}  // namespace
}  // namespace lemmy
