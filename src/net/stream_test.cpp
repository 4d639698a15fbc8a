// Bodies that are written while they are made: compressed, slow readers, peers that go.
#include <zlib.h>

#include <charconv>
#include <set>

#include "base/crypto.h"
#include "base/strings.h"
#include "net/serve_test.h"

namespace lemmy::net {
namespace {
using namespace std::chrono_literals;
using asio::ip::tcp;

// What a whole gzip member stands for; nullopt: it is none, or not whole.
std::optional<std::string> gunzip(std::string_view bytes, bool whole = true) {
  z_stream z{};
  inflateInit2(&z, 15 + 16);
  std::string out(1 << 20, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  const int code = inflate(&z, Z_SYNC_FLUSH);
  out.resize(out.size() - z.avail_out);
  const bool good = whole ? code == Z_STREAM_END && z.avail_in == 0 : code == Z_OK || code == Z_BUF_ERROR;
  inflateEnd(&z);
  if (!good) return std::nullopt;
  return out;
}

std::string unchunk(std::string_view body) {
  std::string out;
  for (;;) {
    size_t size = 0;
    auto [end, ec] = std::from_chars(body.data(), body.data() + body.size(), size, 16);
    if (ec != std::errc{} || size == 0) return out;
    const size_t from = static_cast<size_t>(end - body.data()) + 2;
    if (body.size() < from + size) return out;
    out += body.substr(from, size);
    body.remove_prefix(from + size + 2);
  }
}

struct Peer {
  explicit Peer(asio::any_io_executor loop) : socket(loop) {}
  Task<> ask(std::string url, std::string headers) {
    auto port = static_cast<uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
    co_await socket.async_connect({asio::ip::make_address("127.0.0.1"), port}, asio::use_awaitable);
    const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n";
    co_await asio::async_write(socket, asio::buffer(request), asio::use_awaitable);
  }
  // Until `enough` says so, or the end.
  Task<> read(std::function<bool()> enough) {
    char buffer[4096];
    while (!enough()) {
      auto [ec, n] =
          co_await socket.async_read_some(asio::buffer(buffer), asio::as_tuple(asio::use_awaitable));
      got.append(buffer, n);
      if (ec) co_return;
    }
  }
  std::string body() const {
    const size_t end = got.find("\r\n\r\n");
    return end == got.npos ? "" : unchunk(std::string_view(got).substr(end + 4));
  }
  tcp::socket socket;
  std::string got;
};

Handler streams(std::function<Task<>(std::shared_ptr<Stream>)> run, bool compress = true) {
  return [run, compress](Request) -> Task<Response> {
    Response r;
    r.compress = compress;
    r.stream = run;
    co_return r;
  };
}

TEST(Gzip, a_whole_text_comes_back_and_its_size_does_not_tell_its_length) {
  const std::string text(10'000, 'x');
  std::set<size_t> sizes;
  for (int i = 0; i < 100; ++i) {
    const std::string packed = gzip(text);
    EXPECT_EQ(gunzip(packed), text);
    EXPECT_LT(packed.size(), 300u);
    sizes.insert(packed.size());
  }
  EXPECT_GT(sizes.size(), 10u);
  EXPECT_EQ(gunzip(gzip("")), "");
}

TEST(Gzip, pieces_that_many_streams_share_make_a_whole_member_in_any_order) {
  const Piece a("one, one, one"), b(to_hex(random_bytes(5000))), c("one, one, one, two");
  for (auto order : {std::vector{&a, &b, &c}, std::vector{&c, &a, &a, &b}, std::vector<const Piece*>{}}) {
    GzipFrame frame;
    std::string bytes = GzipFrame::head(), plain;
    for (const Piece* p : order) {
      frame.add(*p);
      bytes += p->deflated().blocks;
      plain += p->plain();
      EXPECT_EQ(gunzip(bytes, false), plain) << "what was sent so far can be read";
    }
    EXPECT_EQ(gunzip(bytes + frame.end()), plain);
  }
  EXPECT_EQ(&a.deflated(), &a.deflated());
}

TEST(Gzip, is_sent_to_those_only_who_take_it) {
  for (const char* yes : {"gzip", "deflate, gzip", "br;q=1.0, gzip;q=0.5", "*", "GZIP ; q=0.001", "x-gzip"})
    EXPECT_TRUE(takes_gzip(yes)) << yes;
  for (const char* no :
       {"", "identity", "gzip;q=0", "gzip; q=0.000", "*;q=0", "gzip;q=0, *", "gzipped", ",;,"})
    EXPECT_FALSE(takes_gzip(no)) << no;
}

// "first ", and "second" once it may go on.
auto in_two_parts(std::shared_ptr<bool> go_on) {
  return [go_on](std::shared_ptr<Stream> s) -> Task<> {
    (void)co_await s->write(piece("first "));
    while (!*go_on) co_await sleep_for(5ms);
    (void)co_await s->write(piece("second"));
  };
}

TEST(Streams, are_compressed_piece_by_piece_for_who_takes_it) {
  auto go_on = std::make_shared<bool>(false);
  with_server(streams(in_two_parts(go_on)), [go_on](std::string url, Server&) -> Task<> {
    Peer peer(co_await asio::this_coro::executor);
    co_await peer.ask(url, "Accept-Encoding: br, gzip\r\nConnection: close\r\n");
    co_await peer.read([&] { return gunzip(peer.body(), false) == "first "; });
    EXPECT_EQ(gunzip(peer.body(), false), "first ") << "before the second is there";
    *go_on = true;
    co_await peer.read([] { return false; });
    EXPECT_EQ(gunzip(peer.body()), "first second");
    EXPECT_NE(peer.got.find("Content-Encoding: gzip\r\n"), peer.got.npos);
    EXPECT_NE(peer.got.find("Vary: Accept-Encoding\r\n"), peer.got.npos);
  });
}

TEST(Streams, are_plain_for_others_and_where_the_handler_does_not_want_it) {
  auto run = [](std::shared_ptr<Stream> s) -> Task<> { (void)co_await s->write(piece("text")); };
  for (bool compress : {true, false})
    with_server(streams(run, compress), [compress](std::string url, Server&) -> Task<> {
      Peer peer(co_await asio::this_coro::executor);
      co_await peer.ask(
          url, compress ? "Connection: close\r\n" : "Accept-Encoding: gzip\r\nConnection: close\r\n");
      co_await peer.read([] { return false; });
      EXPECT_EQ(peer.body(), "text");
      EXPECT_EQ(peer.got.find("Content-Encoding"), peer.got.npos);
      EXPECT_EQ(peer.got.find("Vary") != peer.got.npos, compress);
    });
}

TEST(Streams, end_when_the_peer_goes_also_while_nothing_is_sent) {
  auto ended = std::make_shared<bool>(false);
  with_server(streams([ended](std::shared_ptr<Stream> s) -> Task<> {
                struct Note {
                  std::shared_ptr<bool> ended;
                  ~Note() { *ended = true; }
                } note{ended};
                (void)co_await s->write(piece("hello"));
                co_await sleep_for(1h);
              }),
              [ended](std::string url, Server& server) -> Task<> {
                {
                  Peer peer(co_await asio::this_coro::executor);
                  co_await peer.ask(url, "");
                  co_await peer.read([&] { return peer.body() == "hello"; });
                  EXPECT_FALSE(*ended);
                }
                for (int i = 0; i < 1000 && !*ended; ++i) co_await sleep_for(5ms);
                EXPECT_TRUE(*ended);
                for (int i = 0; i < 1000 && server.connections() > 0; ++i) co_await sleep_for(5ms);
                EXPECT_EQ(server.connections(), 0u);
              });
}

TEST(Streams, a_request_that_comes_meanwhile_does_not_end_them) {
  auto go_on = std::make_shared<bool>(false);
  with_server(streams(in_two_parts(go_on)), [go_on](std::string url, Server&) -> Task<> {
    Peer peer(co_await asio::this_coro::executor);
    co_await peer.ask(url, "");
    co_await peer.read([&] { return peer.body() == "first "; });
    const std::string next = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    co_await asio::async_write(peer.socket, asio::buffer(next), asio::use_awaitable);
    co_await sleep_for(20ms);
    *go_on = true;
    co_await peer.read([] { return false; });
    EXPECT_EQ(peer.body(), "first second");
    const size_t second = peer.got.rfind("HTTP/1.1 200");
    EXPECT_GT(second, 0u);
    EXPECT_NE(peer.got.find("first", second), peer.got.npos) << "and it is answered then";
  });
}

TEST(Streams, to_who_does_not_read_keep_little_waiting) {
  auto taken = std::make_shared<size_t>(0);
  with_server(streams([taken](std::shared_ptr<Stream> s) -> Task<> {
                const SharedPiece part = piece(std::string(16'384, 'x'));
                while (co_await s->write(part)) *taken += part->plain().size();
              }),
              [taken](std::string url, Server&) -> Task<> {
                Peer peer(co_await asio::this_coro::executor);
                peer.socket.open(tcp::v4());
                peer.socket.set_option(asio::socket_base::receive_buffer_size(32 << 10));
                co_await peer.ask(url, "");
                size_t before = 1;
                while (before != *taken) {
                  before = *taken;
                  co_await sleep_for(100ms);
                }
                EXPECT_GT(*taken, 16'384u);
                EXPECT_LT(*taken, 512u << 10);
              });
}

}  // namespace
}  // namespace lemmy::net
