#pragma once
// Inside room route: what keeps strangers and cross-site pages out.
#include "route/router.h"

namespace lemmy::route {

inline constexpr int kLoginsPerMinute = 10;
inline constexpr std::string_view kCookie = "lemmy_session";

std::string_view cookie_value(const net::Headers& headers, std::string_view name);
void add_security_headers(net::Response& response);

}  // namespace lemmy::route
