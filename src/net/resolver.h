#pragma once
// Host names to addresses by c-ares, on the loop and without a thread: /etc/hosts, /etc/resolv.conf (name
// servers, search domains) and the `hosts:` order of /etc/nsswitch.conf are read for each look-up; other NSS
// modules (mDNS, systemd's, LDAP) are not asked. A name server that hangs costs only who asked it.
#include <memory>
#include <string>
#include <vector>

#include "async/task.h"

namespace lemmy::net {

struct ResolverOptions {
  std::string servers;                         // "127.0.0.1:5353,..." instead of resolv.conf's
  std::chrono::milliseconds first_try{2'000};  // to one name server; each further round takes twice as long
  int tries = 3;                               // of each name server
};

// Loop thread only. Look-ups share nothing.
class Resolver {
 public:
  explicit Resolver(asio::any_io_executor executor, ResolverOptions options = {})
      : executor_(executor), options_(std::move(options)) {}
  // The addresses in the order to try them: of IPv6 and IPv4 in turn (RFC 8305, 4), at most 16. A numeric
  // host is never looked up. When one family has answered, the other is waited for no longer than 50 ms (RFC
  // 8305, 3). Errors: unavailable (there is no such host, or no name server answered, told apart), timeout
  // after `limit`. Cancellation throws, as sleep_for.
  Task<Result<std::vector<asio::ip::address>>> resolve(std::string host, std::chrono::milliseconds limit);

 private:
  asio::any_io_executor executor_;
  ResolverOptions options_;
};

}  // namespace lemmy::net
