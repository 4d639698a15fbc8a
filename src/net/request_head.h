#pragma once
// Inside room net: the head of a request as Beast read it.
#include <boost/beast/http.hpp>

#include "net/http.h"

namespace lemmy::net {

using RequestParser = boost::beast::http::request_parser<boost::beast::http::string_body>;

// Takes the fields. To be called when the head is read and before the body is: what comes in the trailer of a
// chunked body stands behind the others, and is not what the head said (RFC 9110, 6.5.1); a proxy looks at
// the head only.
void take_fields(Request& request, const RequestParser& parser);
// Why the request is to be refused, or nullptr. Where a body ends must be beyond doubt, for a proxy before us
// too (RFC 9112, 6.1 and 6.3), and so must the host be (3.2).
const char* doubtful(const RequestParser& parser);
// Takes method and target, after the fields. A whole address is taken, and its host is the one that counts
// (RFC 9112, 3.2.2). False: it is no valid address.
bool take_target(Request& request, const RequestParser& parser);
// Who asks first sends no body before it is told to, or a second later (RFC 9110, 10.1.1).
bool waits_for_continue(const RequestParser& parser);

}  // namespace lemmy::net
