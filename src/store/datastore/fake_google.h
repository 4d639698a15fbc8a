#pragma once
// For tests: an HTTP server on the test's loop that answers as a test says.
#include <gtest/gtest.h>

#include "net/server.h"
#include "store/datastore/datastore_store.h"

namespace lemmy::store::datastore {

struct FakeGoogle : testing::Test {
  using Answer = std::function<Task<net::Response>(net::Request)>;

  void SetUp() override { url = "http://127.0.0.1:" + std::to_string(server.listen("127.0.0.1", 0).value()); }

  template <class T>
  T run(Task<T> task) {
    auto future = asio::co_spawn(loop, std::move(task), asio::use_future);
    loop.restart();
    auto end = Clock::now() + seconds{60};
    while (future.wait_for(seconds{0}) != std::future_status::ready && Clock::now() < end)
      loop.run_one_for(seconds{1});
    return future.get();
  }
  static net::Response reply(int status, std::string body) {
    net::Response r;
    r.status = status;
    r.headers.emplace("Content-Type", "application/json");
    r.body = std::move(body);
    return r;
  }
  static net::Response error(int status, const std::string& name,
                             const std::string& message = "says the test") {
    return reply(status,
                 json::serialize(json::object{
                     {"error", json::object{{"code", status}, {"status", name}, {"message", message}}}}));
  }
  // What was called, such as "commit".
  static std::string method(const net::Request& r) { return r.target.substr(r.target.rfind(':') + 1); }
  // An empty database: finds nothing, takes everything.
  static net::Response empty(const net::Request& r) {
    if (method(r) == "beginTransaction") return reply(200, R"({"transaction": "dHg="})");
    if (method(r) == "runQuery") return reply(200, R"({"batch": {"moreResults": "NO_MORE_RESULTS"}})");
    return reply(200, "{}");
  }
  int count(const std::string& name) { return static_cast<int>(std::ranges::count(calls, name)); }

  asio::io_context loop;
  std::vector<std::string> calls;  // methods, in order
  Answer answer = [](net::Request r) -> Task<net::Response> { co_return empty(r); };
  net::Server server{loop.get_executor(), [this](net::Request r) {
                       calls.push_back(method(r));
                       return answer(std::move(r));
                     }};
  std::string url;
};

}  // namespace lemmy::store::datastore
