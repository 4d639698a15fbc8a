#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/ssl.hpp>
#include <thread>

#include "async/subprocess.h"
#include "base/crypto.h"
#include "base/files.h"
#include "net/client.h"
#include "net/server.h"

namespace lemmy::net {
namespace {
using namespace std::chrono_literals;
using asio::ip::tcp;

// Starts a server, runs `body` against it, stops it.
void with_server(Handler handler, std::function<Task<>(std::string url, Server& server)> body,
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
        co_await server.stop(2s);
      },
      [&](std::exception_ptr e) { error = e; });
  loop.run_for(30s);
  EXPECT_TRUE(loop.stopped()) << "something still runs";
  if (error) std::rethrow_exception(error);
}

Task<Response> echo(Request r) {
  Response out;
  out.headers.emplace("Content-Type", "text/plain");
  out.body = r.method + " " + r.path + " " + std::string(r.query_value("q")) + " " + r.body;
  co_return out;
}

Task<std::string> raw(std::string url, std::string text) {
  tcp::socket socket(co_await asio::this_coro::executor);
  auto port = static_cast<uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
  co_await socket.async_connect({asio::ip::make_address("127.0.0.1"), port}, asio::use_awaitable);
  co_await asio::async_write(socket, asio::buffer(text), asio::use_awaitable);
  std::string out;
  char buffer[4096];
  for (;;) {
    auto [ec, n] = co_await socket.async_read_some(asio::buffer(buffer), asio::as_tuple(asio::use_awaitable));
    out.append(buffer, n);
    if (ec) co_return out;
  }
}

TEST(Server, answers_many_requests_on_one_connection) {
  with_server(echo, [](std::string url, Server& server) -> Task<> {
    auto client = *Client::create(co_await asio::this_coro::executor, url);
    for (int i = 0; i < 5; ++i) {
      auto r = co_await client->send({"POST", "/a%20b?q=x+y", {}, "body"}, 5s);
      EXPECT_TRUE(r) << r.error().str();
      EXPECT_EQ(r->body, "POST /a b x y body");
    }
    EXPECT_EQ(server.connections(), 1u);
  });
}

TEST(Server, answers_head_without_a_body) {
  with_server(echo, [](std::string url, Server&) -> Task<> {
    auto client = *Client::create(co_await asio::this_coro::executor, url);
    auto r = co_await client->send({"HEAD", "/x"}, 5s);
    EXPECT_EQ(r->status, 200);
    EXPECT_EQ(r->body, "");
    auto again = co_await client->send({"GET", "/x"}, 5s);
    EXPECT_EQ(again->body, "GET /x  ");
  });
}

TEST(Server, refuses_what_is_malformed_or_too_large) {
  ServerLimits limits;
  limits.body_bytes = 100;
  with_server(
      echo,
      [](std::string url, Server&) -> Task<> {
        auto bad = co_await raw(url, "nonsense\r\n\r\n");
        EXPECT_TRUE(bad.starts_with("HTTP/1.1 400")) << bad;
        auto escape = co_await raw(url, "GET /%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        EXPECT_TRUE(escape.starts_with("HTTP/1.1 400")) << escape;
        for (const char* target : {"/%ff", "/?search=%ff"}) {
          auto bytes = co_await raw(
              url, fmt::format("GET {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", target));
          EXPECT_TRUE(bytes.starts_with("HTTP/1.1 400")) << bytes;
        }
        auto body = co_await raw(url, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n");
        EXPECT_TRUE(body.starts_with("HTTP/1.1 413")) << body;
        auto header = co_await raw(url, "GET / HTTP/1.1\r\nA: " + std::string(40'000, 'x') + "\r\n\r\n");
        EXPECT_TRUE(header.starts_with("HTTP/1.1 431")) << header;
      },
      limits);
}

TEST(Server, cuts_off_a_slow_sender) {
  ServerLimits limits;
  limits.header_time = 100ms;
  with_server(
      echo, [](std::string url, Server&) -> Task<> { EXPECT_EQ(co_await raw(url, "GET / HT"), ""); }, limits);
}

TEST(Server, turns_a_handler_that_throws_into_500_and_lives_on) {
  with_server(
      [](Request r) -> Task<Response> {
        if (r.path == "/throw") throw std::runtime_error("oops");
        co_return Response{};
      },
      [](std::string url, Server&) -> Task<> {
        auto client = *Client::create(co_await asio::this_coro::executor, url);
        auto bad = co_await client->send({"GET", "/throw"}, 5s);
        EXPECT_EQ(bad->status, 500);
        EXPECT_EQ(bad->body.find("oops"), std::string::npos);
        auto good = co_await client->send({"GET", "/"}, 5s);
        EXPECT_EQ(good->status, 200);
      });
}

TEST(Stream, is_read_line_by_line_and_ends) {
  with_server(
      [](Request) -> Task<Response> {
        Response r;
        r.stream = [](std::shared_ptr<Stream> s) -> Task<> {
          for (const char* part : {"one\nt", "wo\n", "three"}) {
            auto written = co_await s->write(std::make_shared<const std::string>(part));
            EXPECT_TRUE(written);
          }
        };
        co_return r;
      },
      [](std::string url, Server&) -> Task<> {
        auto client = *Client::create(co_await asio::this_coro::executor, url);
        auto s = co_await client->open({"GET", "/"}, 5s);
        EXPECT_TRUE(s) << s.error().str();
        for (const char* expected : {"one", "two", "three"}) {
          auto line = co_await (*s)->read_line(100, 5s);
          EXPECT_EQ(**line, expected);
        }
        auto end = co_await (*s)->read_line(100, 5s);
        EXPECT_FALSE(end->has_value());
      });
}

TEST(Stream, a_silent_or_endless_line_is_an_error_and_a_gone_peer_ends_the_writer) {
  bool writer_failed = false;
  with_server(
      [&](Request r) -> Task<Response> {
        Response out;
        bool endless = r.path == "/endless";
        out.stream = [&writer_failed, endless](std::shared_ptr<Stream> s) -> Task<> {
          auto text = std::make_shared<const std::string>(endless ? 5000 : 1, 'x');
          for (int i = 0; i < 1000; ++i) {
            auto written = co_await s->write(text);
            if (!written) {
              writer_failed = true;
              co_return;
            }
            co_await sleep_for(endless ? 1ms : 200ms);
          }
        };
        co_return out;
      },
      [&](std::string url, Server&) -> Task<> {
        auto client = *Client::create(co_await asio::this_coro::executor, url);
        {
          auto endless = co_await client->open({"GET", "/endless"}, 5s);
          auto line = co_await (*endless)->read_line(10'000, 5s);
          EXPECT_EQ(line.error().code, ErrorCode::too_large);
        }
        for (int i = 0; i < 200 && !writer_failed; ++i) co_await sleep_for(10ms);
        EXPECT_TRUE(writer_failed);
        auto silent = co_await client->open({"GET", "/silent"}, 5s);
        auto line = co_await (*silent)->read_line(10'000, 50ms);
        EXPECT_EQ(line.error().code, ErrorCode::timeout);
      });
}

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
    auto r = run_process({"sh", "make.sh"}, {}, dir.string(), 60s);
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
