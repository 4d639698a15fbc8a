#pragma once
// Inside room route: what keeps strangers and cross-site pages out.
#include "route/router.h"

namespace lemmy::route {

inline constexpr std::string_view kCookie = "lemmy_session";
inline constexpr std::string_view kDeviceCookie = "lemmy_device";  // access/log_ins.h

// Who called: the peer, or, when that is a proxy on this machine or of `trusted`, whom it names in
// X-Forwarded-For, from the right past all such proxies. Others could write anything there.
std::string caller_address(const net::Request& request, const std::vector<Network>& trusted);
std::string_view cookie_value(const net::Headers& headers, std::string_view name);
void add_security_headers(net::Response& response);
// What a proxy has before all paths (config::PublicUrl::path; may be empty): a proxy that leaves it there is
// as good as one that takes it off. Inside, everything begins with '/'.
void take_root_off(net::Request& request, std::string_view root);
void put_root_on(net::Response& response, std::string_view root);  // Location, and the paths of cookies

}  // namespace lemmy::route
