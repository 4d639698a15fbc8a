// Answers as bytes.
#include <boost/beast/http/status.hpp>

#include "net/http.h"

namespace lemmy::net {
namespace {

void put_field(std::string& out, std::string_view name, std::string_view value) {
  const size_t from = out.size();
  out.append(name).append(": ").append(value);
  for (size_t i = from; i < out.size(); ++i)
    if (static_cast<unsigned char>(out[i]) < 0x20 || out[i] == 0x7f) out[i] = ' ';
  out += "\r\n";
}

}  // namespace

bool has_body(const Response& r) { return !r.stream && r.status != 204 && r.status != 304; }

const std::string& body_of(const Response& r) { return r.shared_body ? *r.shared_body : r.body; }

std::string response_head(const Response& r, unsigned version, bool keep_alive) {
  namespace http = boost::beast::http;
  std::string out;
  out.reserve(1024);
  out += version == 10 ? "HTTP/1.0 " : "HTTP/1.1 ";
  out += std::to_string(r.status);
  out += ' ';
  out += http::obsolete_reason(http::int_to_status(r.status));
  out += "\r\n";
  for (const auto& [name, value] : r.headers) put_field(out, name, value);
  if (keep_alive != (version != 10)) put_field(out, "Connection", keep_alive ? "keep-alive" : "close");
  if (r.stream && version != 10)
    put_field(out, "Transfer-Encoding", "chunked");
  else if (has_body(r))
    put_field(out, "Content-Length", std::to_string(body_of(r).size()));
  return out += "\r\n";
}

}  // namespace lemmy::net
