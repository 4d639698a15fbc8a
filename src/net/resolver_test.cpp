#include "net/resolver.h"

#include <fstream>
#include <sstream>

#include "net/connection.h"
#include "net/name_server_test.h"
#include "net/serve_test.h"

namespace lemmy::net {
namespace {
using namespace std::chrono_literals;
using Mood = NameServer::Mood;

class Names : public testing::Test {
 protected:
  asio::io_context loop;
  NameServer server{loop.get_executor()};

  std::shared_ptr<Resolver> resolver(const std::string& servers, std::chrono::milliseconds first_try = 5s) {
    return std::make_shared<Resolver>(loop.get_executor(), ResolverOptions{servers, first_try, 2});
  }
  // Runs body beside the name servers; the loop has nothing left to do when it ends.
  void run(std::function<Task<>()> body, std::vector<NameServer*> others = {}) {
    others.push_back(&server);
    for (NameServer* s : others) asio::co_spawn(loop, s->serve(), asio::detached);
    std::exception_ptr error;
    asio::co_spawn(loop, body(), [&](std::exception_ptr e) {
      error = e;
      for (NameServer* s : others) s->socket.close();
    });
    loop.run_for(30s);
    EXPECT_TRUE(loop.stopped()) << "something still runs";
    if (error) std::rethrow_exception(error);
  }
  static std::vector<std::string> texts(const std::vector<asio::ip::address>& all) {
    std::vector<std::string> out;
    for (const auto& a : all) out.push_back(a.to_string());
    return out;
  }
};

TEST_F(Names, give_the_addresses_of_both_families_in_turn) {
  server.names["cluster.test"] = {"127.0.0.1", "127.0.0.2", "::1"};
  run([&]() -> Task<> {
    auto found = co_await resolver(server.address())->resolve("cluster.test", 5s);
    EXPECT_TRUE(found) << found.error().str();
    if (!found) co_return;
    EXPECT_EQ(texts(*found)[0], "::1");
    EXPECT_EQ(found->size(), 3u);
  });
}

TEST_F(Names, that_are_numbers_are_not_asked_for) {
  run([&]() -> Task<> {
    auto r = resolver(server.address());
    for (const char* host : {"127.0.0.1", "::1", "10.1.2.3"}) {
      auto found = co_await r->resolve(host, 5s);
      EXPECT_TRUE(found && texts(*found) == std::vector<std::string>{host});
    }
    EXPECT_EQ(server.asked, 0);
  });
}

TEST_F(Names, that_do_not_exist_are_told_from_name_servers_that_refuse_or_are_dead) {
  server.names["v6only.test"] = {"::1"};
  run([&]() -> Task<> {
    auto none = co_await resolver(server.address())->resolve("nobody.test", 5s);
    EXPECT_EQ(none.error().code, ErrorCode::unavailable);
    EXPECT_NE(none.error().what.find("no such host"), std::string::npos) << none.error().what;
    auto other = co_await resolver(server.address())->resolve("v6only.test", 5s);
    EXPECT_TRUE(other);
    server.mood = Mood::refuses;
    auto refused = co_await resolver(server.address())->resolve("nobody.test", 5s);
    EXPECT_NE(refused.error().what.find("the name servers do not say"), std::string::npos);
    auto dead = co_await resolver("127.0.0.1:1")->resolve("nobody.test", 5s);
    EXPECT_NE(dead.error().what.find("the name servers do not say"), std::string::npos);
  });
}

TEST_F(Names, of_this_machine_and_of_its_file_of_hosts_need_no_name_server) {
  std::string known;  // the first name of /etc/hosts that is not localhost
  std::ifstream file("/etc/hosts");
  for (std::string line; known.empty() && std::getline(file, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string at, name;
    if (words >> at >> name && name.find("localhost") == name.npos && !name.starts_with("ip6-")) known = name;
  }
  run([&]() -> Task<> {
    for (const char* host : {"localhost", "LocalHost.", "web.localhost"}) {
      auto found = co_await resolver("127.0.0.1:1")->resolve(host, 5s);
      EXPECT_TRUE(found) << found.error().str();
      for (const auto& a : *found) EXPECT_TRUE(a.is_loopback());
    }
    if (known.empty()) co_return;
    auto found = co_await resolver("127.0.0.1:1")->resolve(known, 5s);
    EXPECT_TRUE(found) << known << ": " << found.error().str();
  });
}

TEST_F(Names, wait_no_longer_for_the_other_family_than_they_must) {
  server.names["cluster.test"] = {"127.0.0.1"};
  server.silent_about_six = true;
  run([&]() -> Task<> {
    auto found = co_await resolver(server.address())->resolve("cluster.test", 4s);
    EXPECT_TRUE(found && texts(*found) == std::vector<std::string>{"127.0.0.1"});
  });
}

TEST_F(Names, are_not_believed_when_the_answer_is_to_another_question) {
  server.names["cluster.test"] = {"127.0.0.1"};
  run([&]() -> Task<> {
    for (Mood mood : {Mood::other_id, Mood::other_question, Mood::garbage}) {
      server.mood = mood;
      auto found = co_await resolver(server.address(), 100ms)->resolve("cluster.test", 5s);
      EXPECT_FALSE(found) << int(mood);
    }
    server.mood = Mood::answers;
    auto found = co_await resolver(server.address(), 100ms)->resolve("cluster.test", 5s);
    EXPECT_TRUE(found);
  });
}

TEST_F(Names, are_asked_of_the_second_name_server_when_the_first_is_silent) {
  NameServer silent(loop.get_executor(), Mood::silent);
  server.names["cluster.test"] = {"127.0.0.1"};
  run(
      [&]() -> Task<> {
        auto found =
            co_await resolver(silent.address() + "," + server.address(), 100ms)->resolve("cluster.test", 5s);
        EXPECT_TRUE(found) << found.error().str();
        EXPECT_GT(silent.asked, 0);
      },
      {&silent});
}

// The test would take 20 s were one of the two waits not cut.
TEST_F(Names, are_given_up_at_the_limit_and_when_the_caller_is_cancelled) {
  server.mood = Mood::silent;
  run([&]() -> Task<> {
    auto late = co_await resolver(server.address(), 20s)->resolve("cluster.test", 100ms);
    EXPECT_EQ(late.error().code, ErrorCode::timeout);
    Group group(co_await asio::this_coro::executor);
    bool ended = false;
    group.spawn("look-up", [](std::shared_ptr<Resolver> r, bool* ended) -> Task<> {
      struct Ends {
        bool* ended;
        ~Ends() { *ended = true; }
      } ends{ended};
      (void)co_await r->resolve("cluster.test", 20s);
    }(resolver(server.address(), 20s), &ended));
    co_await sleep_for(20ms);
    group.cancel();
    bool gone = co_await group.join(1s);
    EXPECT_TRUE(gone && ended);
  });
}

TEST_F(Names, of_one_client_that_hang_hold_up_no_other_client) {
  NameServer silent(loop.get_executor(), Mood::silent);
  server.names["web.test"] = {"127.0.0.1"};
  Server web(loop.get_executor(), echo);
  auto port = web.listen("127.0.0.1", 0);
  ASSERT_TRUE(port);
  run(
      [&]() -> Task<> {
        auto e = co_await asio::this_coro::executor;
        auto end = ":" + std::to_string(*port);
        auto hangs = *Client::create(e, "http://web.test" + end, {}, resolver(silent.address(), 20s));
        auto named = *Client::create(e, "http://web.test" + end, {}, resolver(server.address()));
        auto numeric = *Client::create(e, "http://127.0.0.1" + end, {}, resolver(silent.address(), 20s));
        int waiting = 0;
        Group group(e);
        for (int i = 0; i < 20; ++i)
          group.spawn("hangs", [](std::shared_ptr<Client> c, int* waiting) -> Task<> {
            ++*waiting;
            auto r = co_await c->send({"GET", "/"}, 20s);
            EXPECT_EQ(r.error().code, ErrorCode::cancelled);
            --*waiting;
          }(hangs, &waiting));
        for (auto& c : {named, numeric}) {
          auto r = co_await c->send({"GET", "/x"}, 5s);
          EXPECT_TRUE(r && r->status == 200);
        }
        EXPECT_EQ(waiting, 20);
        group.cancel();
        bool gone = co_await group.join(1s);
        EXPECT_TRUE(gone);
        named->close(), numeric->close();
        co_await web.stop(2s);
      },
      {&silent});
}

TEST_F(Names, that_lead_nowhere_first_are_tried_in_order_until_one_takes_the_connection) {
  // The first: nobody listens. The second takes no connection and refuses none: its queue is full.
  asio::ip::tcp::acceptor full(loop);
  full.open(asio::ip::tcp::v4());
  full.bind({asio::ip::make_address("127.0.0.3"), 0});
  full.listen(0);
  const uint16_t port = full.local_endpoint().port();
  std::vector<asio::ip::tcp::socket> fills;
  for (int i = 0; i < 4; ++i) {
    fills.emplace_back(loop, asio::ip::tcp::v4());
    fills.back().native_non_blocking(true);
    const auto to = full.local_endpoint();
    (void)::connect(fills.back().native_handle(), to.data(), static_cast<socklen_t>(to.size()));
  }
  asio::ip::tcp::acceptor good(loop, {asio::ip::make_address("127.0.0.4"), port});
  run([&]() -> Task<> {
    std::vector<asio::ip::tcp::endpoint> to;
    for (const char* a : {"::1", "127.0.0.2", "127.0.0.3", "127.0.0.4"})
      to.emplace_back(asio::ip::make_address(a), port);
    auto socket = co_await connect_first(co_await asio::this_coro::executor, to);
    EXPECT_TRUE(socket);
    if (socket) EXPECT_EQ(socket->remote_endpoint().address().to_string(), "127.0.0.4");
    to.resize(2);
    auto refused = co_await connect_first(co_await asio::this_coro::executor, to);
    EXPECT_FALSE(refused);
  });
}

}  // namespace
}  // namespace lemmy::net
