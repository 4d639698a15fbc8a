#pragma once
// Inside room net: what the server answers by itself, as problem+json (RFC 9457), before any handler is
// asked.
#include "net/server.h"

namespace lemmy::net {

Response problem(int status, std::string title, std::string detail, std::string type = "about:blank");
// Of what is no request that can be taken: what Beast says, or else what request_head.h doubts.
Response refusal(boost::system::error_code error, const char* doubt, const ServerLimits& limits);

}  // namespace lemmy::net
