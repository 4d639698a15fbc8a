#pragma once
// HTTP/1.1 (RFC 9112) values, free of any library's types.
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "async/task.h"
#include "base/error.h"
#include "net/piece.h"

namespace lemmy::net {

// Header names compare without case (RFC 9110, 5.1).
struct NoCase {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const;
};
using Headers = std::multimap<std::string, std::string, NoCase>;
std::string_view header(const Headers& headers, std::string_view name);  // first one, or ""

struct Request {
  std::string method;  // "GET"
  std::string target;  // as sent: "/projects/a?x=1"
  std::string path;    // percent-decoded, without the query; always begins with '/'
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order
  Headers headers;
  std::string body;
  std::string remote;                                         // the peer's IP address
  std::map<std::string, std::string, std::less<>> params;     // filled in by the route table
  std::string_view query_value(std::string_view name) const;  // first one, or ""
};

// Sets target, path and query. invalid: it is no path that begins with '/', or not UTF-8.
Result<> set_target(Request& request, std::string target);

// A live response body: server-sent events or a long download. write() waits until the system has taken it,
// which keeps little that the peer has not (some 100 KiB), at most 30 s, and fails when the peer is gone.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual Task<Result<>> write(SharedPiece piece) = 0;
  Task<Result<>> write(Shared text) { return write(std::make_shared<const Piece>(std::move(text))); }
  virtual bool compressed() const { return false; }
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  Shared shared_body;  // used instead of body when set: cached assets and fragments
  // When set, headers go out first (chunked), then this runs until it returns; when the peer goes it is
  // cancelled.
  std::function<Task<>(std::shared_ptr<Stream>)> stream;
  bool compress = false;  // the stream: gzip, flushed at each piece, to who takes it
};

// Not of a stream, and not of a status that has none (RFC 9110, 6.4.1).
bool has_body(const Response& response);
const std::string& body_of(const Response& response);
// Status line and fields up to the empty line (RFC 9112). version: 10 or 11. Control characters in fields
// become spaces, so that no value can begin a field of its own.
std::string response_head(const Response& response, unsigned version, bool keep_alive);

using Handler = std::function<Task<Response>(Request)>;

// Of Content-Type, in small letters and without parameters (RFC 9110 8.3.1): "application/json"; may be
// empty.
std::string media_type(const Headers& headers);
inline constexpr std::string_view kForm = "application/x-www-form-urlencoded";
// Of that type, decoded, in order. At most 1,000 fields.
Result<std::vector<std::pair<std::string, std::string>>> parse_form(std::string_view body);
// invalid on a bad escape or NUL.
Result<std::string> percent_decode(std::string_view text, bool plus_is_space = false);
std::string percent_encode(std::string_view text);  // for one path segment or query value

// One server-sent event (WHATWG HTML 9.2): every line of data gets its own "data: ".
std::string sse_event(std::string_view event, std::string_view id, std::string_view data);

}  // namespace lemmy::net
