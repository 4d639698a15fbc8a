#pragma once
#include <cstdint>

#include "net/http.h"

namespace lemmy::net {

struct ServerLimits {
  size_t header_bytes = 32 * 1024;
  size_t body_bytes = 1 << 20;  // over it: 413 problem+json
  // At so many whoever has most loses one that does nothing; who has most gets 503 (net/connections.h).
  size_t connections = 4096;
  std::chrono::milliseconds header_time{10'000};  // slow senders (also of the body) are cut off
  std::chrono::milliseconds idle_time{75'000};    // keep-alive
};

// Plain HTTP/1.1 with keep-alive. All on the loop of `executor`. A handler that throws gives 500 and a log
// line.
class Server {
 public:
  Server(asio::any_io_executor executor, Handler handler, ServerLimits limits = {});
  ~Server();
  // Binds and begins to accept. Port 0 takes a free one. Errors say the address and what to do.
  Result<uint16_t> listen(const std::string& host, uint16_t port);
  // Stops accepting, lets requests in flight end, closes streams. False: some still ran at the deadline.
  Task<bool> stop(std::chrono::milliseconds grace);
  size_t connections() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace lemmy::net
