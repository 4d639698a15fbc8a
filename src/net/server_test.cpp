#include <fmt/format.h>

#include <algorithm>

#include "net/serve_test.h"

namespace lemmy::net {
namespace {
using namespace std::chrono_literals;
using asio::ip::tcp;

// The parts go out one after the other on one connection; gives all that comes until it is closed.
Task<std::string> raw_in_parts(std::string url, std::vector<std::string> parts) {
  tcp::socket socket(co_await asio::this_coro::executor);
  auto port = static_cast<uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
  co_await socket.async_connect({asio::ip::make_address("127.0.0.1"), port}, asio::use_awaitable);
  socket.set_option(tcp::no_delay(true));
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) co_await sleep_for(20ms);
    co_await asio::async_write(socket, asio::buffer(parts[i]), asio::use_awaitable);
  }
  std::string out;
  char buffer[4096];
  for (;;) {
    auto [ec, n] = co_await socket.async_read_some(asio::buffer(buffer), asio::as_tuple(asio::use_awaitable));
    out.append(buffer, n);
    if (ec) co_return out;
  }
}

Task<std::string> raw(std::string url, std::string text) {
  std::vector<std::string> one{std::move(text)};
  return raw_in_parts(std::move(url), std::move(one));
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

size_t count(const std::string& text, const std::string& what) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(what, at)) != text.npos; at += what.size()) ++n;
  return n;
}

TEST(Server, requests_on_a_kept_connection_may_come_together_or_in_pieces) {
  constexpr ServerLimits limits{.body_bytes = 100};
  with_server(
      echo,
      [](std::string url, Server&) -> Task<> {
        const std::string first = "GET /first HTTP/1.1\r\nHost: a\r\n\r\n",
                          second = "GET /second HTTP/1.1\r\nHost: a\r\n\r\n";
        std::vector<std::string> parts{
            first + second, "POST /third HTTP/1.1\r\nHo", "st: a\r\nContent-Len", "gth: 4\r\n\r\nb", "o", "d",
            "y" + first};
        parts.push_back("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n");
        const std::string all = co_await raw_in_parts(url, std::move(parts));
        EXPECT_EQ(count(all, "HTTP/1.1 200"), 4u) << all;
        const size_t at[] = {all.find("GET /first"), all.find("GET /second"), all.find("POST /third"),
                             all.rfind("GET /first"), all.find("HTTP/1.1 413")};
        EXPECT_NE(at[4], all.npos) << all;
        EXPECT_TRUE(std::ranges::is_sorted(at)) << all;
        EXPECT_NE(all.find("POST /third  body"), all.npos) << all;
        const std::string old = "GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
        std::vector<std::string> of_old{old, old, "GET /last HTTP/1.0\r\n\r\n"};
        const std::string kept = co_await raw_in_parts(url, std::move(of_old));
        EXPECT_EQ(count(kept, "HTTP/1.0 200 OK"), 3u) << kept;
        EXPECT_EQ(count(kept, "Connection: keep-alive"), 2u) << kept;
      },
      limits);
}

TEST(Server, refuses_what_is_malformed_or_too_large) {
  constexpr ServerLimits limits{.body_bytes = 100};
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
        EXPECT_NE(body.find("\"urn:lemmy:error:too_large\""), body.npos) << body;
        auto header = co_await raw(url, "GET / HTTP/1.1\r\nA: " + std::string(40'000, 'x') + "\r\n\r\n");
        EXPECT_TRUE(header.starts_with("HTTP/1.1 431")) << header;
      },
      limits);
}

TEST(Server, tells_who_asks_first_to_go_on_and_refuses_what_is_too_large_before_it_is_sent) {
  constexpr ServerLimits limits{.body_bytes = 100};
  with_server(
      echo,
      [](std::string url, Server&) -> Task<> {
        const std::string head =
            "POST /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-Continue\r\n";
        std::vector<std::string> waits{head + "Content-Length: 4\r\n\r\n", "body"};
        const std::string all = co_await raw_in_parts(url, std::move(waits));
        EXPECT_TRUE(all.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")) << all;
        EXPECT_TRUE(all.ends_with("POST /p  body")) << all;
        const std::string at_once = co_await raw(url, head + "Content-Length: 4\r\n\r\nbody");
        EXPECT_TRUE(at_once.starts_with("HTTP/1.1 200 OK")) << at_once;
        const std::string large = co_await raw(url, head + "Content-Length: 101\r\n\r\n");
        EXPECT_TRUE(large.starts_with("HTTP/1.1 413")) << large;
      },
      limits);
}

TEST(Server, refuses_what_a_proxy_may_read_otherwise) {
  with_server(echo, [](std::string url, Server&) -> Task<> {
    for (const char* fields :
         {"Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: identity\r\n",
          "Transfer-Encoding: chunked, identity\r\n", "Transfer-Encoding: gzip, chunked\r\n",
          "Transfer-Encoding: identity\r\nContent-Length: 4\r\n",
          "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
          "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Host: b\r\n"}) {
      auto got = co_await raw(
          url,
          fmt::format("POST / HTTP/1.1\r\nHost: a\r\n{}\r\nGET /second HTTP/1.1\r\nHost: a\r\n\r\n", fields));
      EXPECT_TRUE(got.starts_with("HTTP/1.1 400")) << fields << got;
      EXPECT_EQ(got.find("second"), got.npos) << fields << got;
    }
    auto old = co_await raw(url, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    EXPECT_TRUE(old.starts_with("HTTP/1.0 400")) << old;
    for (const char* target : {"http://localhost@evil.example/", "http:///", "http://a#b/"}) {
      auto got =
          co_await raw(url, fmt::format("GET {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", target));
      EXPECT_TRUE(got.starts_with("HTTP/1.1 400")) << target << got;
    }
  });
}

TEST(Server, takes_no_field_from_a_trailer) {
  auto tell = [](Request r) -> Task<Response> {
    Response out;
    out.body = r.body;
    for (const auto& [name, value] : r.headers)
      if (name.starts_with("X-")) out.body += " " + value;
    co_return out;
  };
  with_server(tell, [](std::string url, Server&) -> Task<> {
    const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-From: head\r\n";
    const std::string body = "4\r\nbody\r\n0\r\nX-From: trailer\r\nX-Other: trailer\r\n\r\n";
    auto whole = co_await raw(url, head + "Transfer-Encoding: chunked\r\n\r\n" + body);
    EXPECT_TRUE(whole.ends_with("body head")) << whole;
    std::vector<std::string> split{head, "Transfer-Encoding: chunked\r\n\r\n4\r\nbo", body.substr(5)};
    auto parts = co_await raw_in_parts(url, std::move(split));
    EXPECT_TRUE(parts.ends_with("body head")) << parts;
  });
}

TEST(Server, takes_whole_addresses_and_their_host) {
  auto tell = [](Request r) -> Task<Response> {
    Response out;
    out.body =
        r.path + " of " + std::string(header(r.headers, "Host")) + " q=" + std::string(r.query_value("q"));
    co_return out;
  };
  with_server(tell, [](std::string url, Server&) -> Task<> {
    for (auto [target, wanted] : {std::pair{"http://b.example:81/p?q=1", "/p of b.example:81 q=1"},
                                  {"HTTPS://b.example", "/ of b.example q="},
                                  {"http://b.example?q=2", "/ of b.example q=2"}}) {
      auto got =
          co_await raw(url, fmt::format("GET {} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", target));
      EXPECT_TRUE(got.ends_with(wanted)) << got;
    }
  });
}

TEST(Server, sends_a_stream_to_http_1_0_without_chunks) {
  auto stream = [](Request) -> Task<Response> {
    Response out;
    out.stream = [](std::shared_ptr<Stream> s) -> Task<> {
      (void)co_await s->write(std::make_shared<const std::string>("one\n"));
      (void)co_await s->write(std::make_shared<const std::string>("two\n"));
    };
    co_return out;
  };
  with_server(stream, [](std::string url, Server&) -> Task<> {
    auto got = co_await raw(url, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(got.find("Transfer-Encoding"), got.npos) << got;
    EXPECT_TRUE(got.ends_with("\r\n\r\none\ntwo\n")) << got;
  });
}

TEST(Server, cuts_off_a_slow_sender) {
  constexpr ServerLimits limits{.header_time = 100ms};
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
  bool writer_ended = false;
  struct Note {
    bool& ended;
    ~Note() { ended = true; }
  };
  with_server(
      [&](Request r) -> Task<Response> {
        Response out;
        bool endless = r.path == "/endless";
        out.stream = [&writer_ended, endless](std::shared_ptr<Stream> s) -> Task<> {
          Note note{writer_ended};
          auto text = std::make_shared<const std::string>(endless ? 5000 : 1, 'x');
          for (int i = 0; i < 1000; ++i) {
            auto written = co_await s->write(text);
            if (!written) co_return;
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
        for (int i = 0; i < 80 && !writer_ended; ++i) co_await sleep_for(10ms);
        EXPECT_TRUE(writer_ended);
        auto silent = co_await client->open({"GET", "/silent"}, 5s);
        auto line = co_await (*silent)->read_line(10'000, 50ms);
        EXPECT_EQ(line.error().code, ErrorCode::timeout);
      });
}

}  // namespace
}  // namespace lemmy::net
