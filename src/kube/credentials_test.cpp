#include "kube/credentials.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/strings.h"
#include "kube/client.h"
#include "net/server.h"

namespace lemmy::kube {
namespace {
using namespace std::chrono_literals;

class CredentialsOf : public testing::Test {
 protected:
  std::filesystem::path dir;
  asio::io_context loop;
  Pool pool{1};

  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "lemmy-credentials-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir = name;
  }
  void TearDown() override { std::filesystem::remove_all(dir); }

  // A plugin: each run adds a line to "runs", then does `script`; $N is how many runs there were.
  ClusterAccess plugin(const std::string& script) {
    const std::string head = "cd " + dir.string() + "; echo run >> runs; N=$(wc -l < runs)\n";
    EXPECT_TRUE(write_file(dir / "plugin", "#!/bin/sh\n" + head + script, 0700));
    ClusterAccess a;
    a.server = "http://127.0.0.1:1";
    a.exec = ExecPlugin{"v1", {(dir / "plugin").string()}, {}, ""};
    return a;
  }
  static std::string gives(const std::string& expires = "") {
    return R"(echo '{"apiVersion":"v1","kind":"ExecCredential","status":{"token":"t'$N'")" +
           (expires.empty() ? "" : R"(,"expirationTimestamp":")" + expires + "\"") + "}}'\n";
  }
  int runs() const {
    auto text = read_file(dir / "runs");
    return text ? int(std::ranges::count(*text, '\n')) : 0;
  }
  std::shared_ptr<Credentials> credentials(ClusterAccess access) {
    return std::make_shared<Credentials>(loop.get_executor(), pool, std::move(access));
  }
  void run(std::function<Task<>()> body) {
    std::exception_ptr error;
    asio::co_spawn(loop, body(), [&](std::exception_ptr e) { error = e; });
    loop.run_for(30s);
    EXPECT_TRUE(loop.stopped()) << "something still runs";
    if (error) std::rethrow_exception(error);
  }
};

TEST_F(CredentialsOf, a_plugin_are_fetched_once_for_all_who_wait) {
  auto c = credentials(plugin("sleep 0.2\n" + gives()));
  run([&]() -> Task<> {
    std::vector<Task<Result<Grant>>> all_of_them;
    for (int i = 0; i < 9; ++i) all_of_them.push_back(c->get(10s));
    for (const auto& grant : co_await all(std::move(all_of_them))) {
      EXPECT_TRUE(grant) << grant.error().str();
      if (grant) EXPECT_EQ(grant->bearer, "t1");
    }
    EXPECT_EQ(runs(), 1);
    // Without an end they are good until they are refused, and then once.
    auto same = co_await c->get(10s);
    EXPECT_EQ(same->bearer, "t1");
    EXPECT_TRUE(c->refused(same->number));
    auto fresh = co_await c->get(10s);
    EXPECT_EQ(fresh->bearer, "t2");
    EXPECT_TRUE(c->refused(same->number));  // what is there by now was not refused
    EXPECT_FALSE(c->refused(fresh->number));
    auto kept = co_await c->get(10s);
    EXPECT_EQ(kept->bearer, "t2");
    EXPECT_EQ(runs(), 2);
  });
}

TEST_F(CredentialsOf, a_plugin_whose_clock_differs_do_not_run_it_for_each_request) {
  auto c = credentials(plugin(gives("2001-01-01T00:00:00Z")));
  run([&]() -> Task<> {
    for (int i = 0; i < 5; ++i) {
      auto grant = co_await c->get(10s);
      EXPECT_TRUE(grant && grant->bearer == "t1");
    }
    EXPECT_EQ(runs(), 1);
  });
}

TEST_F(CredentialsOf, a_plugin_that_hangs_are_waited_for_as_long_as_the_caller_has) {
  auto hangs = credentials(plugin("sleep 1.5\n" + gives()));
  run([&]() -> Task<> {
    for (int i = 0; i < 3; ++i) {
      auto late = co_await hangs->get(30ms);
      EXPECT_EQ(late.error().code, ErrorCode::timeout);
    }
    auto good = co_await hangs->get(20s);
    EXPECT_TRUE(good);
    EXPECT_EQ(runs(), 1);
  });
}

TEST_F(CredentialsOf, a_plugin_that_hangs_hold_up_no_other_cluster_and_no_end) {
  auto hangs = credentials(plugin("sleep 60\n"));
  ClusterAccess by_file;
  by_file.token_file = (dir / "token").string();
  ASSERT_TRUE(write_file(by_file.token_file, "good\n"));
  auto other = credentials(by_file);
  run([&]() -> Task<> {
    auto late = co_await hangs->get(50ms);
    EXPECT_FALSE(late);
    auto grant = co_await other->get(10s);
    EXPECT_TRUE(grant && grant->bearer == "good");
    EXPECT_EQ(runs(), 1);
    hangs->stop();  // or the loop of this test would have something to do for a minute
    auto none = co_await hangs->get(20s);
    EXPECT_FALSE(none);
  });
}

TEST_F(CredentialsOf, a_plugin_that_fails_are_not_tried_for_each_request) {
  auto c = credentials(plugin("[ $N -gt 1 ] || exit 3\n" + gives()));
  run([&]() -> Task<> {
    for (int i = 0; i < 5; ++i) {
      auto none = co_await c->get(10s);
      EXPECT_FALSE(none);
      if (!none) EXPECT_NE(none.error().what.find("exit code 3"), std::string::npos);
    }
    EXPECT_EQ(runs(), 1);
    co_await sleep_for(1100ms);
    auto good = co_await c->get(10s);
    EXPECT_TRUE(good);
  });
}

// An API server that lets in who shows the token that is good now.
TEST_F(CredentialsOf, a_token_file_are_read_again_after_a_401_and_the_request_is_sent_once_more) {
  std::string good = "a";
  int asked = 0;
  net::Server server(loop.get_executor(), [&](net::Request r) -> Task<net::Response> {
    ++asked;
    net::Response out;
    out.status = net::header(r.headers, "Authorization") == "Bearer " + good ? 200 : 401;
    out.body = R"({"gitVersion":"v1"})";
    co_return out;
  });
  auto port = server.listen("127.0.0.1", 0);
  ASSERT_TRUE(port);
  ASSERT_TRUE(write_file(dir / "token", "a\n"));
  ClusterAccess access;
  access.server = "http://127.0.0.1:" + std::to_string(*port);
  access.token_file = (dir / "token").string();
  auto client = *Client::create(loop.get_executor(), pool, access);
  run([&]() -> Task<> {
    auto in = co_await client->version();
    EXPECT_TRUE(in) << in.error().str();
    good = "b";
    EXPECT_TRUE(write_file(dir / "token", "b\n"));
    asked = 0;
    auto again = co_await client->version();
    EXPECT_TRUE(again) << again.error().str();
    EXPECT_EQ(asked, 2);
    good = "c";  // and the file does not have it
    asked = 0;
    for (int i = 0; i < 3; ++i) {
      auto out = co_await client->version();
      EXPECT_EQ(out.error().code, ErrorCode::unauthorized);
    }
    EXPECT_LE(asked, 4);
    client->close();
    co_await server.stop(2s);
  });
}

// A kubelet counts limitBytes from the first of the last lines (pkg/kubelet/kuberuntime/logs,
// logWriter.remain).
TEST_F(CredentialsOf, nobody_are_needed_and_a_log_of_more_than_the_limit_still_shows_its_end) {
  std::vector<std::string> asked;
  net::Server server(loop.get_executor(), [&](net::Request r) -> Task<net::Response> {
    const int lines = std::stoi(std::string(r.query_value("tailLines")));
    asked.emplace_back(r.query_value("tailLines"));
    net::Response out;
    for (int i = 2'000 - lines; i < 2'000; ++i)
      out.body += fmt::format("line {} {}\n", i, std::string(6'000, 'x'));
    out.body.resize(std::min(out.body.size(), size_t(std::stoul(std::string(r.query_value("limitBytes"))))));
    co_return out;
  });
  auto port = server.listen("127.0.0.1", 0);
  ASSERT_TRUE(port);
  ClusterAccess access;
  access.server = "http://127.0.0.1:" + std::to_string(*port);
  auto client = *Client::create(loop.get_executor(), pool, access);
  run([&]() -> Task<> {
    auto log = co_await client->log("staging", "web-1", "app", false, 1'000);
    EXPECT_TRUE(log);
    EXPECT_TRUE(log && log->starts_with("line 199") && log->ends_with("x\n"));
    EXPECT_EQ(asked, (std::vector<std::string>{"1000", "125"}));
    client->close();
    co_await server.stop(2s);
  });
}

}  // namespace
}  // namespace lemmy::kube
