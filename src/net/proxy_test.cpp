#include "net/proxy.h"

#include <gtest/gtest.h>

#include <map>

namespace lemmy::net {
namespace {

TEST(Proxy, is_read_with_its_login_and_shown_without) {
  auto p = parse_proxy("http://ada:s%20e:cret@proxy.example.com:3128");
  ASSERT_TRUE(p) << p.error().str();
  EXPECT_EQ(p->kind, Proxy::Kind::http);
  EXPECT_EQ(p->host, "proxy.example.com");
  EXPECT_EQ(p->port, 3128);
  EXPECT_EQ(p->user, "ada");
  EXPECT_EQ(p->password, "s e:cret");
  EXPECT_EQ(p->text, "http://proxy.example.com:3128");
  EXPECT_EQ(parse_proxy("socks5://[::1]")->text, "socks5://[::1]:1080");
  EXPECT_EQ(parse_proxy("https://p")->port, 443);
  for (const char* bad : {"", "proxy:3128", "ftp://proxy:21", "http://", "http://p:0"}) {
    auto r = parse_proxy(bad);
    ASSERT_FALSE(r) << bad;
    EXPECT_EQ(r.error().code, ErrorCode::invalid);
  }
  EXPECT_EQ(parse_proxy("ftp://ada:secret@proxy").error().str().find("secret"), std::string::npos);
}

// What golang.org/x/net/http/httpproxy says of the same.
TEST(Proxy, of_the_environment_is_that_of_gos_programs) {
  std::map<std::string, std::string> set;
  auto environment = [&](const char* name) { return set.contains(name) ? set[name] : std::string(); };
  auto of = [&](const std::string& host, uint16_t port = 443, bool tls = true) {
    return proxy_of_environment(tls, host, port, environment);
  };
  EXPECT_EQ(of("api.example.com"), "");
  set["HTTPS_PROXY"] = "http://secure:1";
  set["http_proxy"] = "plain:2";
  EXPECT_EQ(of("api.example.com"), "http://secure:1");
  EXPECT_EQ(of("api.example.com", 80, false), "http://plain:2");
  for (const char* near : {"localhost", "127.0.0.1", "127.9.9.9", "::1", "LOCALHOST"})
    EXPECT_EQ(of(near), "") << near;

  struct Case {
    const char *spared, *host;
    uint16_t port;
    bool direct;
  };
  for (const Case& c : {Case{"*", "a.b", 443, true},
                        {"example.com", "example.com", 443, true},
                        {"example.com", "api.example.com", 443, true},
                        {"example.com", "notexample.com", 443, false},
                        {".example.com", "api.example.com", 443, true},
                        {".example.com", "example.com", 443, false},
                        {"*.example.com", "api.example.com", 443, true},
                        {"EXAMPLE.com", "Api.Example.COM", 443, true},
                        {"example.com:6443", "example.com", 6443, true},
                        {"example.com:6443", "example.com", 443, false},
                        {"other.com, example.com", "example.com", 443, true},
                        {"10.0.0.0/8", "10.1.2.3", 443, true},
                        {"10.0.0.0/8", "11.1.2.3", 443, false},
                        {"10.0.0.0/8", "host10", 443, false},
                        {"10.1.2.3", "10.1.2.3", 443, true},
                        {"10.1.2.3:80", "10.1.2.3", 443, false},
                        {"fd00::/8", "fd00::1", 443, true},
                        {"fd00::1", "fd00::1", 443, true},
                        {"[fd00::1]:443", "fd00::1", 443, true},
                        {"", "example.com", 443, false},
                        {" , ,", "example.com", 443, false},
                        {"example.com", "example.com.", 443, true}}) {
    set["NO_PROXY"] = c.spared;
    EXPECT_EQ(of(c.host, c.port).empty(), c.direct) << c.spared << " " << c.host << ":" << c.port;
  }
}

}  // namespace
}  // namespace lemmy::net
