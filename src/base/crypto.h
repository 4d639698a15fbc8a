#pragma once
// Hashes, MACs and randomness, by libsodium. Thread-safe after the first call.
#include <string>
#include <string_view>

namespace lemmy {

std::string sha256(std::string_view data);                             // 32 raw bytes
std::string sha256_hex(std::string_view data);                         // 64 lower-case hex digits
std::string hmac_sha256(std::string_view key, std::string_view data);  // 32 raw bytes; RFC 2104
// Takes the same time for any inputs of one length; different lengths are unequal at once.
bool constant_time_equal(std::string_view a, std::string_view b);
std::string random_bytes(size_t n);
std::string random_hex(size_t bytes);

}  // namespace lemmy
