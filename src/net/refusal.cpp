#include "net/refusal.h"

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "base/json.h"

namespace lemmy::net {

namespace http = boost::beast::http;

Response problem(int status, std::string title, std::string detail, std::string type) {
  Response r;
  r.status = status;
  r.headers.emplace("Content-Type", "application/problem+json");
  r.body =
      json::serialize(json::object{{"type", type}, {"title", title}, {"status", status}, {"detail", detail}});
  return r;
}

Response refusal(boost::system::error_code error, const char* doubt, const ServerLimits& limits) {
  if (doubt) return problem(400, "Malformed request", doubt);
  if (error == http::error::header_limit)
    return problem(431, "Request header too large", "send less than 32 KiB of headers");
  if (error == http::error::body_limit)
    return problem(413, std::string(title(ErrorCode::too_large)),
                   "the limit of a body is " + std::to_string(limits.body_bytes) + " bytes",
                   "urn:lemmy:error:" + std::string(name(ErrorCode::too_large)));
  return problem(400, "Malformed request", error.message());
}

}  // namespace lemmy::net
