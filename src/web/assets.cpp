#include "web/assets.h"

#include <map>
#include <stdexcept>

#include "base/crypto.h"
#include "web/embedded.h"

namespace lemmy::web {
namespace {

std::string_view type_of(std::string_view name) {
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  if (name.ends_with(".svg")) return "image/svg+xml";
  return "text/plain; charset=utf-8";
}

std::map<std::string, Asset, std::less<>> read_all() {
  std::map<std::string, Asset, std::less<>> out;
  for (const Embedded& e : embedded()) {
    if (!e.path.starts_with("assets/")) continue;
    std::string name(e.path.substr(e.path.rfind('/') + 1));
    out[name] = {name, std::string(type_of(name)), sha256_hex(e.text).substr(0, 12),
                 std::make_shared<const std::string>(e.text),
                 std::make_shared<const std::string>(net::gzip(e.text))};
  }
  return out;
}

}  // namespace

const Asset* asset(std::string_view name) {
  static const auto all = read_all();
  auto it = all.find(name);
  return it == all.end() ? nullptr : &it->second;
}

std::string asset_url(std::string_view name) {
  const Asset* a = asset(name);
  if (!a) throw std::logic_error("no asset " + std::string(name));
  return "/assets/" + a->name + "?v=" + a->hash;
}

json::object asset_urls() {
  static const json::object urls = {{"style", asset_url("style.css")},
                                    {"script", asset_url("lemmy.js")},
                                    {"icon", asset_url("icon.svg")},
                                    {"live", asset_url("live.js")},
                                    {"morph", asset_url("idiomorph.min.js")}};
  return urls;
}

Result<net::Response> serve_asset(const net::Request& request, std::string_view name) {
  const Asset* a = asset(name);
  if (!a) return fail(ErrorCode::not_found, request.path, "there is no such asset");
  net::Response r;
  const bool gzip = net::takes_gzip(net::header(request.headers, "Accept-Encoding"));
  const std::string etag = '"' + a->hash + (gzip ? "-gzip\"" : "\"");
  const bool same = request.query_value("v") == a->hash;
  r.headers.emplace("Content-Type", a->type);
  r.headers.emplace("ETag", etag);
  r.headers.emplace("Cache-Control", same ? "public, max-age=31536000, immutable" : "no-cache");
  r.headers.emplace("Vary", "Accept-Encoding");
  if (net::header(request.headers, "If-None-Match") == etag) {
    r.status = 304;
  } else {
    if (gzip) r.headers.emplace("Content-Encoding", "gzip");
    r.shared_body = gzip ? a->gzip : a->text;
  }
  return r;
}

}  // namespace lemmy::web
