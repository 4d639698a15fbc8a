#include "web/pages.h"

#include <fmt/format.h>

#include <charconv>

#include "base/log.h"
#include "base/strings.h"
#include "domain/addresses.h"
#include "web/context.h"
#include "web/render.h"

namespace lemmy::web {
namespace {

// A page waits so long for the store; with what was known before at hand it need not wait long.
constexpr milliseconds kRead{8'000}, kReadInTrouble{1'000};
constexpr size_t kWorthIt = 1024;  // smaller pages are not compressed

// Finds <main> in a whole page and writes the id of its outline into the page's body tag.
std::shared_ptr<const Outline> mark(std::string& html, const std::string& page) {
  constexpr std::string_view kHave = "data-have=\"", kMain = "<main ", kEnd = "</main>";
  // What people wrote has no quotes and no tags: it is escaped.
  const size_t have = html.find(kHave), main = html.find(kMain), end = html.rfind(kEnd);
  if (have == html.npos || main == html.npos || end == html.npos) return nullptr;
  const size_t content = html.find('>', main) + 1;
  const size_t title = html.find("<title>"), after = html.find("</title>");
  std::string of_fragment =
      html.substr(title, after - title) + "</title>" + html.substr(content, end - content);
  auto outline = std::make_shared<const Outline>(outline_of(of_fragment, page));
  html.insert(have + kHave.size(), outline->id);
  return outline;
}

}  // namespace

Pages::Pages(route::Router* router, live::Services services)
    : router_(router), services_(std::move(services)), channels_(services_.loop, services_.feed) {}

std::string query_of(const route::Call& call) {
  std::string out;
  for (const char* name : {"project", "environment", "state", "search", "after"})
    if (auto value = call.request.query_value(name); !value.empty())
      out += (out.empty() ? "" : "&") + std::string(name) + "=" + net::percent_encode(value);
  return out;
}

std::string page_of(const route::Call& call) {
  const std::string query = query_of(call);
  return call.request.path + (query.empty() ? "" : "?" + query);
}

Result<int64_t> number_of(const route::Call& call) {
  const std::string& text = call.param("number");
  if (auto number = deploy_number(text)) return *number;
  return fail(ErrorCode::not_found, call.target().str(), fmt::format("there is no deploy '{}'", text));
}

net::Response see_other(std::string location) {
  net::Response r;
  r.status = 303;
  r.headers.emplace("Location", std::move(location));
  return r;
}

Result<std::map<std::string, std::string>> fields(const net::Request& request) {
  auto form = net::parse_form(request.body);
  if (!form) return fail(form.error());
  std::map<std::string, std::string> out;
  for (auto& [k, v] : *form) out[k] = std::move(v);
  return out;
}

json::object Pages::context(const route::Call& call) const {
  json::object o;
  json::object frame = services_.board->frame();
  // Names of hosts and files are not for strangers who see nothing but the form to sign in.
  if (call.who.kind == access::Identity::Kind::anonymous && call.config->has_access &&
      !call.config->access.anonymous) {
    frame["problems"] = json::array{};
    frame["left"] = json::array{};
    frame["clusters"] = json::array{};
    frame["strays"] = json::object{{"total", 0}, {"items", json::array{}}};
    frame["store"] = json::object{{"ok", true}};
    frame["revision"] = "";
  }
  o["frame"] = std::move(frame);
  o["page"] = page_json(call, call.csrf, "", false);
  return o;
}

Task<Result<Pages::Drawn>> Pages::draw(const route::Call& call, std::string name, json::object context,
                                       std::string page) const {
  const bool gzip = net::takes_gzip(net::header(call.request.headers, "Accept-Encoding"));
  auto drawn = co_await services_.pool->run(
      [name = std::move(name), context = std::move(context), page = std::move(page), gzip]() mutable {
        Drawn out;
        auto html = render(name, json::value(std::move(context)));
        if (!html) return Result<Drawn>(fail(html.error()));
        if (!page.empty()) out.outline = mark(*html, page);
        out.gzip = gzip && html->size() >= kWorthIt;
        out.body = out.gzip ? net::gzip(*html) : std::move(*html);
        return Result<Drawn>(std::move(out));
      });
  co_return drawn;
}

net::Response Pages::reply(Drawn drawn) const {
  net::Response r;
  r.headers.emplace("Content-Type", "text/html; charset=utf-8");
  r.headers.emplace("Vary", "Accept-Encoding");
  if (drawn.gzip) r.headers.emplace("Content-Encoding", "gzip");
  r.body = std::move(drawn.body);
  return r;
}

net::Response Pages::undrawn(const route::Call& call, const std::string& name, const Error& e) const {
  log::error("a page could not be rendered", {{"template", name}, {"what", e.str()}});
  return error(call,
               {ErrorCode::internal, name, "this page could not be drawn", "the server's log says more"});
}

Pages::Answer Pages::html(route::Call call, std::string name, json::object context, int status) const {
  auto drawn = co_await draw(call, name, std::move(context));
  if (!drawn) co_return undrawn(call, name, drawn.error());
  net::Response r = reply(std::move(*drawn));
  r.status = status;
  co_return r;
}

void say_stale(json::object& frame, const json::object& data) {
  const json::value* stale = data.if_contains("stale");
  if (!stale) return;
  json::object& store = frame["store"].as_object();
  store["as_of"] = stale->at("as_of");
  if (bool_or(store, "ok")) store["trouble"] = stale->at("what");
  store["ok"] = false;
}

Task<Result<json::object>> Pages::known(std::string key, Task<Result<json::object>> read) const {
  const milliseconds limit = services_.board->store_ok() ? kRead : kReadInTrouble;
  auto got = co_await with_deadline(std::move(read), limit, "the store");
  if (got) {
    last_known_.keep(key, Known{*got, now()});
    co_return got;
  }
  const ErrorCode code = got.error().code;
  const Known* last = last_known_.find(key);
  if (code != ErrorCode::unavailable && code != ErrorCode::timeout) co_return got;
  if (!last)
    co_return fail(ErrorCode::unavailable, "the store", got.error().what, "load the page again in a moment");
  json::object data = last->data;
  data["stale"] = json::object{{"as_of", format_time(last->at)}, {"what", got.error().what}};
  co_return data;
}

net::Response Pages::error(const route::Call& call, const Error& e) const {
  const bool sign_in = e.code == ErrorCode::unauthorized && call.config && call.config->has_access;
  json::object o = context(call);
  o["title"] = title(e.code);
  o["what"] = e.what;
  o["hint"] = e.hint;
  o["where"] = e.where;
  o["detail"] = e.detail;
  o["sign_in"] = sign_in;
  auto project = call.request.params.find("project");
  o["back"] = project == call.request.params.end() || e.code == ErrorCode::not_found
                  ? ""
                  : "/projects/" + project->second;
  net::Response r;
  r.status = http_status(e.code);
  if (e.code == ErrorCode::unavailable) r.headers.emplace("Retry-After", "5");
  auto drawn = render("error.html.j2", json::value(o));
  r.headers.emplace("Content-Type", drawn ? "text/html; charset=utf-8" : "text/plain; charset=utf-8");
  r.body = drawn ? std::move(*drawn) : e.str() + "\n";
  return r;
}

}  // namespace lemmy::web
