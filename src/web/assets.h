#pragma once
// Styles, scripts and icons, by name. Their URLs carry a hash of the content, so browsers may keep them.
#include "base/json.h"
#include "net/http.h"

namespace lemmy::web {

struct Asset {
  std::string name;  // "style.css"
  std::string type;
  std::string hash;  // 12 hex digits of SHA-256
  net::Shared text, gzip;
};
const Asset* asset(std::string_view name);  // nullptr: none
// "/assets/style.css?v=0123456789ab". A name that is not there is a defect: throws std::logic_error.
std::string asset_url(std::string_view name);
json::object asset_urls();  // those that layout.html.j2 names
// Answers GET /assets/{name}: kept for ever when ?v= is the hash, else asked again each time.
Result<net::Response> serve_asset(const net::Request& request, std::string_view name);

}  // namespace lemmy::web
