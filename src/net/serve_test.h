#pragma once
// For the tests of room net.
#include <gtest/gtest.h>

#include "net/client.h"
#include "net/server.h"

namespace lemmy::net {

// Starts a server, runs `body` against it, stops it.
inline void with_server(Handler handler, std::function<Task<>(std::string url, Server& server)> body,
                        ServerLimits limits = {}) {
  asio::io_context loop;
  Server server(loop.get_executor(), std::move(handler), limits);
  auto port = server.listen("127.0.0.1", 0);
  ASSERT_TRUE(port) << port.error().str();
  std::exception_ptr error;
  asio::co_spawn(
      loop,
      [&]() -> Task<> {
        co_await body("http://127.0.0.1:" + std::to_string(*port), server);
        co_await server.stop(std::chrono::seconds{2});
      },
      [&](std::exception_ptr e) { error = e; });
  loop.run_for(std::chrono::seconds{30});
  EXPECT_TRUE(loop.stopped()) << "something still runs";
  if (error) std::rethrow_exception(error);
}

inline Task<Response> echo(Request r) {
  Response out;
  out.headers.emplace("Content-Type", "text/plain");
  out.body = r.method + " " + r.path + " " + std::string(r.query_value("q")) + " " + r.body;
  co_return out;
}

}  // namespace lemmy::net
