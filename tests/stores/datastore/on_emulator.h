#pragma once
// For tests of several servers on one database, and of answers that are lost.
#include <gtest/gtest.h>

#include "emulator.h"
#include "net/server.h"
#include "store/sample_test.h"

namespace lemmy::store {

class OnEmulator : public testing::TestWithParam<Emulator::Kind>, protected Samples {
 protected:
  void SetUp() override {
    emulator = Emulator::shared(GetParam());
    if (!emulator) GTEST_SKIP() << "this emulator is not on this machine";
    a = open();
  }
  std::unique_ptr<Store> open() {
    return fresh_store(loop.get_executor(), emulator->host(), name_space, kPatient);
  }
  static Delivery delivery(const std::string& id, const std::string& hook = "build") {
    return {0, hook, id, from_millis(1000), "10.0.0.1", "ci", "hello", "{}", "accepted", ""};
  }
  static InstanceCall call(const std::string& id, int64_t at) {
    return {{"hello", "staging"}, id, "10.0.0.7", "token hello", from_millis(at)};
  }

  std::string name_space = fresh_namespace();
  Emulator* emulator = nullptr;
  std::unique_ptr<Store> a;
};

// Between store and emulator: loses the answer of the next commit that went through.
struct LosesAnswers {
  LosesAnswers(asio::io_context& loop, const std::string& host)
      : client(*net::Client::create(loop.get_executor(), "http://" + host)),
        server(loop.get_executor(), [this](net::Request r) { return pass_on(std::move(r)); },
               {.body_bytes = 32u << 20}) {
    host_ = "127.0.0.1:" + std::to_string(server.listen("127.0.0.1", 0).value());
  }
  Task<net::Response> pass_on(net::Request r) {
    net::Response out;
    auto answer = co_await client->send({r.method, r.target, {{"Content-Type", "application/json"}}, r.body},
                                        seconds{60});
    if (!answer || (r.target.ends_with(":commit") && answer->status == 200 && std::exchange(lose, false))) {
      ++lost;
      out.status = 503;
      out.body = R"({"error": {"code": 503, "message": "gone", "status": "UNAVAILABLE"}})";
      co_return out;
    }
    out.status = answer->status;
    out.headers.emplace("Content-Type", "application/json");
    out.body = answer->body;
    co_return out;
  }
  std::shared_ptr<net::Client> client;
  net::Server server;
  std::string host_;
  bool lose = false;
  int lost = 0;
};

}  // namespace lemmy::store
