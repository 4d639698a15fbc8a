#include "net/request_head.h"

#include <algorithm>

namespace lemmy::net {

namespace beast = boost::beast;
namespace http = beast::http;

void take_fields(Request& r, const RequestParser& parser) {
  for (const auto& f : parser.get()) r.headers.emplace(std::string(f.name_string()), std::string(f.value()));
}

const char* doubtful(const RequestParser& parser) {
  const auto& in = parser.get();
  const size_t encodings = in.count(http::field::transfer_encoding);
  if (encodings > 0 &&
      (encodings > 1 || !parser.chunked() || in.version() < 11 || in.count(http::field::content_length) > 0 ||
       !beast::iequals(in[http::field::transfer_encoding], "chunked")))
    return "a body comes with Content-Length, or with Transfer-Encoding: chunked";
  if (in.count(http::field::host) > 1) return "there are two Host fields";
  return nullptr;
}

bool take_target(Request& r, const RequestParser& parser) {
  const auto& in = parser.get();
  r.method = std::string(in.method_string());
  std::string_view target = in.target();
  for (std::string_view scheme : {"http://", "https://"}) {
    if (!beast::iequals(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(scheme.size());
    const size_t end = std::min(target.find_first_of("/?"), target.size());
    if (end == 0 || target.substr(0, end).find_first_of("@#") != target.npos) return false;
    r.headers.erase("Host");
    r.headers.emplace("Host", std::string(target.substr(0, end)));
    target.remove_prefix(end);
    return set_target(r, (target.starts_with('/') ? "" : "/") + std::string(target)).has_value();
  }
  return set_target(r, std::string(target)).has_value();
}

bool waits_for_continue(const RequestParser& parser) {
  const auto& in = parser.get();
  return in.version() >= 11 && beast::iequals(in[http::field::expect], "100-continue");
}

}  // namespace lemmy::net
