#include <gtest/gtest.h>

#include "net/http.h"

namespace lemmy::net {
namespace {

TEST(ResponseHead, has_status_fields_and_length) {
  Response r;
  r.status = 202;
  r.headers.emplace("Content-Type", "text/plain");
  r.headers.emplace("Set-Cookie", "a=1");
  r.headers.emplace("Set-Cookie", "b=2");
  r.body = "twelve bytes";
  EXPECT_EQ(response_head(r, 11, true),
            "HTTP/1.1 202 Accepted\r\nContent-Type: text/plain\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
            "Content-Length: 12\r\n\r\n");
  r.shared_body = std::make_shared<const std::string>("nine byte");
  EXPECT_NE(response_head(r, 11, true).find("Content-Length: 9\r\n"), std::string::npos);
}

TEST(ResponseHead, says_how_the_connection_goes_on) {
  const Response r;
  EXPECT_EQ(response_head(r, 11, false), "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(response_head(r, 10, true),
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(response_head(r, 10, false), "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
}

TEST(ResponseHead, of_a_stream_or_of_nothing_has_no_length) {
  Response stream;
  stream.stream = [](std::shared_ptr<Stream>) -> Task<> { co_return; };
  EXPECT_EQ(response_head(stream, 11, true), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(response_head(stream, 10, false), "HTTP/1.0 200 OK\r\n\r\n");
  Response nothing;
  nothing.status = 304;
  EXPECT_EQ(response_head(nothing, 11, true), "HTTP/1.1 304 Not Modified\r\n\r\n");
}

TEST(ResponseHead, a_value_begins_no_field_of_its_own) {
  Response r;
  r.headers.emplace("Location", "/x\r\nSet-Cookie: evil=1");
  EXPECT_EQ(response_head(r, 11, true),
            "HTTP/1.1 200 OK\r\nLocation: /x  Set-Cookie: evil=1\r\nContent-Length: 0\r\n\r\n");
}

}  // namespace
}  // namespace lemmy::net
