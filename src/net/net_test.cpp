#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/ssl.hpp>
#include <thread>

#include "async/subprocess.h"
#include "base/crypto.h"
#include "base/files.h"
#include "net/serve_test.h"

namespace lemmy::net {
namespace {
using namespace std::chrono_literals;
using asio::ip::tcp;

TEST(Client, says_who_refused_and_when_it_took_too_long) {
  with_server(
      [](Request) -> Task<Response> {
        co_await sleep_for(1s);
        co_return Response{};
      },
      [](std::string url, Server&) -> Task<> {
        auto e = co_await asio::this_coro::executor;
        auto nobody = *Client::create(e, "http://127.0.0.1:1");
        auto refused = co_await nobody->send({"GET", "/"}, 5s);
        EXPECT_EQ(refused.error().code, ErrorCode::unavailable);
        EXPECT_EQ(refused.error().where, "http://127.0.0.1:1");
        auto client = *Client::create(e, url);
        auto late = co_await client->send({"GET", "/slow?token=secret"}, 50ms);
        EXPECT_EQ(late.error().code, ErrorCode::timeout);
        EXPECT_EQ(late.error().where, "GET " + url + "/slow");
        EXPECT_FALSE(Client::create(e, "ftp://x"));
      });
}

TEST(Client, sends_no_second_request_that_hides_in_an_address) {
  int asked = 0;
  with_server(
      [&](Request) -> Task<Response> {
        ++asked;
        co_return Response{};
      },
      [&](std::string url, Server&) -> Task<> {
        auto client = *Client::create(co_await asio::this_coro::executor, url);
        const std::string hidden = "/log?container=a HTTP/1.1\r\nHost: x\r\n\r\nDELETE /everything";
        auto sent = co_await client->send({"GET", hidden}, 5s);
        EXPECT_FALSE(sent);
        if (!sent) EXPECT_EQ(sent.error().code, ErrorCode::invalid);
        auto opened = co_await client->open({"GET", hidden}, 5s);
        EXPECT_FALSE(opened);
        EXPECT_EQ(asked, 0);
      });
}

TEST(Client, bounds_the_answer) {
  with_server(echo, [](std::string url, Server&) -> Task<> {
    auto client = *Client::create(co_await asio::this_coro::executor, url);
    auto r = co_await client->send({"POST", "/", {}, std::string(1000, 'x')}, 5s, 100);
    EXPECT_EQ(r.error().code, ErrorCode::too_large);
  });
}

TEST(Client, that_is_closed_keeps_no_connection_and_still_works) {
  with_server(echo, [](std::string url, Server& server) -> Task<> {
    auto client = *Client::create(co_await asio::this_coro::executor, url);
    auto first = co_await client->send({"GET", "/"}, 5s);
    EXPECT_TRUE(first);
    EXPECT_EQ(server.connections(), 1u);
    client->close();
    for (int i = 0; i < 200 && server.connections(); ++i) co_await sleep_for(5ms);
    EXPECT_EQ(server.connections(), 0u);
    auto second = co_await client->send({"GET", "/"}, 5s);
    EXPECT_TRUE(second);
    for (int i = 0; i < 200 && server.connections(); ++i) co_await sleep_for(5ms);
    EXPECT_EQ(server.connections(), 0u);
  });
}

TEST(Client, whose_stream_is_closed_under_its_reader_tells_him_at_once) {
  auto handler = [](Request) -> Task<Response> {
    Response out;
    out.stream = [](std::shared_ptr<Stream> s) -> Task<> {
      (void)co_await s->write(std::make_shared<const std::string>("one\n"));
      co_await sleep_for(20s);
    };
    co_return out;
  };
  with_server(handler, [](std::string url, Server&) -> Task<> {
    auto e = co_await asio::this_coro::executor;
    auto client = *Client::create(e, url);
    auto stream = co_await client->open({"GET", "/"}, 5s);
    EXPECT_TRUE(stream);
    if (!stream) co_return;
    auto line = co_await (*stream)->read_line(100, 5s);
    EXPECT_TRUE(line && *line == "one");
    asio::steady_timer later(e, 20ms);
    later.async_wait([s = stream->get()](auto) { s->close(); });
    auto cut = co_await (*stream)->read_line(100, 15s);
    EXPECT_EQ(cut.error().code, ErrorCode::unavailable);
  });
}

TEST(Form, is_decoded_and_bad_escapes_are_refused) {
  auto f = parse_form("a=1&b=x%2By+z&c");
  ASSERT_TRUE(f);
  EXPECT_EQ((*f)[1].second, "x+y z");
  EXPECT_EQ((*f)[2].first, "c");
  for (auto bad : {"a=%", "a=%2", "a=%zz", "a=%00"}) EXPECT_FALSE(parse_form(bad)) << bad;
  EXPECT_EQ(percent_encode("a b/ü"), "a%20b%2F%C3%BC");
  EXPECT_EQ(*percent_decode("a%20b%2F%C3%BC"), "a b/ü");
}

TEST(ServerSentEvent, gives_every_line_its_own_data_field) {
  EXPECT_EQ(sse_event("pods", "7", "a\nb"), "event: pods\nid: 7\ndata: a\ndata: b\n\n");
}

// A TLS server on a thread of its own, with certificates made by the openssl program.
class Tls : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir = std::filesystem::temp_directory_path() / ("lemmy-tls-" + random_hex(6));
    std::filesystem::create_directory(dir);
    ASSERT_TRUE(write_file(dir / "make.sh", R"(set -e
for ca in ca other; do openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $ca.key -out $ca.crt -days 2 -subj /CN=$ca; done
issue() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out $1.csr -subj /CN=$1
  printf "subjectAltName=$2" > ext; openssl x509 -req -in $1.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out $1.crt; }
issue server IP:127.0.0.1,DNS:cluster.example
issue client DNS:client
)"));
    auto r = run_process({{"sh", "make.sh"}, {}, dir.string(), 60s});
    ASSERT_TRUE(r && r->exit_code == 0) << (r ? r->err : r.error().str());
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(dir); }
  static std::string pem(const std::string& name) { return *read_file(dir / name); }

  // Serves one connection at a time; the answer's body is the client certificate's subject.
  void SetUp() override {
    context.use_certificate_chain_file((dir / "server.crt").string());
    context.use_private_key_file((dir / "server.key").string(), asio::ssl::context::pem);
    context.load_verify_file((dir / "ca.crt").string());
    context.set_verify_mode(asio::ssl::verify_peer);
    thread = std::thread([this] {
      for (;;) {
        boost::system::error_code ec;
        asio::ssl::stream<tcp::socket> s(io, context);
        acceptor.accept(s.next_layer(), ec);
        if (ec || stopping) return;
        s.handshake(asio::ssl::stream_base::server, ec);
        std::string in;
        if (!ec) asio::read_until(s, asio::dynamic_buffer(in), "\r\n\r\n", ec);
        if (ec) continue;
        std::string who = "nobody";
        if (X509* c = SSL_get1_peer_certificate(s.native_handle())) {
          char name[100];
          X509_NAME_get_text_by_NID(X509_get_subject_name(c), NID_commonName, name, sizeof name);
          who = name;
          X509_free(c);
        }
        asio::write(s,
                    asio::buffer("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
                                 std::to_string(who.size()) + "\r\n\r\n" + who),
                    ec);
      }
    });
  }
  void TearDown() override {
    stopping = true;
    tcp::socket(io).connect(acceptor.local_endpoint());
    thread.join();
  }
  Result<ClientResponse> get(TlsOptions o) {
    asio::io_context loop;
    auto client = Client::create(loop.get_executor(),
                                 "https://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()), o);
    if (!client) return fail(client.error());
    auto r = asio::co_spawn(loop, (*client)->send({"GET", "/"}, 10s), asio::use_future);
    loop.run();
    return r.get();
  }

  static inline std::filesystem::path dir;
  asio::io_context io;
  tcp::acceptor acceptor{io, {asio::ip::make_address("127.0.0.1"), 0}};
  asio::ssl::context context{asio::ssl::context::tls_server};
  std::atomic<bool> stopping = false;
  std::thread thread;
};

TEST_F(Tls, trusts_the_given_authority_and_checks_ip_and_dns_names) {
  auto r = get({.ca_pem = pem("ca.crt")});
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->body, "nobody");
  EXPECT_TRUE(get({.ca_pem = pem("ca.crt"), .server_name = "cluster.example"}));
}

TEST_F(Tls, refuses_another_authority_another_name_and_the_system_s_store) {
  for (const TlsOptions& o :
       {TlsOptions{.ca_pem = pem("other.crt")},
        TlsOptions{.ca_pem = pem("ca.crt"), .server_name = "elsewhere.example"}, TlsOptions{}}) {
    auto r = get(o);
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code, ErrorCode::rejected) << r.error().str();
  }
  EXPECT_TRUE(get({.insecure_skip_verify = true}));
}

TEST_F(Tls, shows_the_client_certificate) {
  auto r = get({.ca_pem = pem("ca.crt"),
                .client_certificate_pem = pem("client.crt"),
                .client_key_pem = pem("client.key")});
  ASSERT_TRUE(r) << r.error().str();
  EXPECT_EQ(r->body, "client");
  EXPECT_EQ(get({.ca_pem = "not PEM"}).error().code, ErrorCode::invalid);
}

}  // namespace
}  // namespace lemmy::net
