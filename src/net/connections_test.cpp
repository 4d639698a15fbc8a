#include "net/connections.h"

#include <gtest/gtest.h>

#include "net/serve_test.h"

namespace lemmy::net {
namespace {

using namespace std::chrono_literals;
using Doing = Connections::Doing;

TEST(Connections, one_caller_is_an_address_or_the_network_that_one_customer_has) {
  EXPECT_EQ(one_caller("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(one_caller("::ffff:192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(one_caller("2001:db8:1:2:3:4:5:6"), one_caller("2001:db8:1:2::9"));
  EXPECT_NE(one_caller("2001:db8:1:2::9"), one_caller("2001:db8:1:3::9"));
  EXPECT_EQ(one_caller("nonsense"), "nonsense");
}

struct Held {
  Connections all;
  std::vector<std::string> closed;
  explicit Held(size_t most) : all(most) {}
  Connections::Handle take(const std::string& caller, const std::string& name, Doing doing) {
    auto c = all.add(caller, [this, name] { closed.push_back(name); });
    all.now(c, doing);
    return c;
  }
};

TEST(Connections, whoever_holds_most_loses_the_oldest_idle_one) {
  Held h(4);
  h.take("a", "a1", Doing::streaming);
  h.take("a", "a2", Doing::idle);
  h.take("a", "a3", Doing::idle);
  h.take("b", "b1", Doing::idle);
  EXPECT_TRUE(h.all.make_room("c"));
  EXPECT_EQ(h.closed, std::vector<std::string>{"a2"});
  // What is being closed counts no more.
  EXPECT_TRUE(h.all.make_room("c"));
  EXPECT_EQ(h.closed.size(), 1u);
}

TEST(Connections, others_get_in_also_when_streams_and_slow_senders_hold_all) {
  Held h(3);
  h.take("a", "stream", Doing::streaming);
  h.take("a", "slow", Doing::reading);
  h.take("a", "call", Doing::answering);
  EXPECT_FALSE(h.all.make_room("a"));  // its own streams stay
  EXPECT_TRUE(h.all.make_room("b"));
  h.take("b", "b1", Doing::answering);
  EXPECT_FALSE(h.all.make_room("b"));  // or it would hold more than the other
  EXPECT_TRUE(h.all.make_room("c"));
  h.take("c", "c1", Doing::answering);
  EXPECT_EQ(h.closed, (std::vector<std::string>{"slow", "stream"}));
  EXPECT_FALSE(h.all.make_room("d"));  // what is carried out is never cut
}

TEST(Connections, what_has_left_leaves_room) {
  Held h(1);
  auto c = h.take("a", "a1", Doing::answering);
  EXPECT_FALSE(h.all.make_room("b"));
  h.all.remove(c);
  EXPECT_TRUE(h.all.make_room("b"));
  EXPECT_EQ(h.all.size(), 0u);
}

// A byte of the next request behind a whole one, and answers that nobody reads, are no work of ours.
TEST(Connections, who_only_looks_busy_shuts_out_nobody) {
  ServerLimits limits{.connections = 3};
  with_server(
      [](Request) -> Task<Response> {
        Response big;
        big.body = std::string(8 << 20, 'x');
        co_return big;
      },
      [](std::string url, Server& server) -> Task<> {
        const auto port = static_cast<uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
        auto executor = co_await asio::this_coro::executor;
        std::vector<asio::ip::tcp::socket> held;
        for (int i = 0; i < 3; ++i) {
          asio::ip::tcp::socket s(executor);
          s.open(asio::ip::tcp::v4());
          s.bind({asio::ip::make_address("127.0.0.2"), 0});
          s.connect({asio::ip::make_address("127.0.0.1"), port});
          const std::string sent =
              i == 0 ? "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nG" : "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
          held.push_back(std::move(s));
          co_await asio::async_write(held.back(), asio::buffer(sent), kTuple);
        }
        co_await sleep_for(100ms);
        EXPECT_EQ(server.connections(), 3u);
        std::vector<std::shared_ptr<Client>> others;
        for (int i = 0; i < 2; ++i) {
          others.push_back(*Client::create(executor, url));
          auto r = co_await others.back()->send({"GET", "/x"}, 5s);
          EXPECT_TRUE(r && r->status == 200) << i;
        }
      },
      limits);
}

TEST(Connections, who_has_all_of_them_is_told_503_and_another_address_is_served) {
  ServerLimits limits{.connections = 3};
  with_server(
      echo,
      [](std::string url, Server& server) -> Task<> {
        const auto port = static_cast<uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
        auto executor = co_await asio::this_coro::executor;
        auto reach = [&](const char* from) -> asio::ip::tcp::socket {
          asio::ip::tcp::socket s(executor);
          s.open(asio::ip::tcp::v4());
          s.bind({asio::ip::make_address(from), 0});
          s.connect({asio::ip::make_address("127.0.0.1"), port});
          return s;
        };
        std::vector<asio::ip::tcp::socket> slow;
        for (int i = 0; i < 3; ++i) {
          slow.push_back(reach("127.0.0.2"));
          co_await asio::async_write(slow.back(), asio::buffer("GET / HT", 8), kTuple);
        }
        co_await sleep_for(100ms);
        EXPECT_EQ(server.connections(), 3u);
        auto fourth = reach("127.0.0.2");
        std::string said;
        co_await asio::async_read(fourth, asio::dynamic_buffer(said), kTuple);
        EXPECT_TRUE(said.starts_with("HTTP/1.1 503 ")) << said;
        auto other = *Client::create(executor, url);
        auto r = co_await other->send({"GET", "/x"}, 5s);
        EXPECT_TRUE(r) << r.error().str();
        EXPECT_EQ(server.connections(), 3u);
      },
      limits);
}

}  // namespace
}  // namespace lemmy::net
