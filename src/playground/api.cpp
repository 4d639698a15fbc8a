#include "playground/api.h"

#include <fmt/format.h>

#include <charconv>

#include "base/strings.h"

namespace lemmy::playground {
namespace {

net::Response get(World& world, const net::Request& request, const Route& route) {
  Stored o = world.store.find(route.what->kind, route.ns, route.name);
  if (!o) return reply(not_found(*route.what, route.name));
  if (asks_table(request))
    return reply(200, json::serialize(table(*route.what, {o}, std::to_string(o->version))));
  if (asks_metadata(request)) return reply(200, json::serialize(metadata_of(*o)));
  net::Response out = reply(200, "");
  out.shared_body = o->text();
  return out;
}

struct Token {
  uint64_t version = 0;
  Key after;
};
std::string write_token(const Token& t) {
  return to_base64(
      json::serialize(json::object{{"v", t.version}, {"ns", t.after.first}, {"name", t.after.second}}));
}
std::optional<Token> read_token(std::string_view text) {
  auto raw = from_base64(text);
  auto v = raw ? parse_json(*raw, "") : Result<json::value>(nullptr);
  if (!v || !v->is_object()) return std::nullopt;
  const json::object& o = v->get_object();
  return Token{uint64_t(int_or(o, "v")), {std::string(text_or(o, "ns")), std::string(text_or(o, "name"))}};
}

net::Response list(World& world, const net::Request& request, const Route& route) {
  auto selectors = Selectors::read(request, route);
  if (!selectors) return reply(selectors.error());
  size_t limit = 0;
  auto limit_text = request.query_value("limit");
  std::from_chars(limit_text.data(), limit_text.data() + limit_text.size(), limit);
  Token token{world.store.version(), {}};
  const auto& all = world.store.all(route.what->kind);
  auto it = selectors->ns.empty() ? all.begin() : all.lower_bound({selectors->ns, ""});
  if (auto text = request.query_value("continue"); !text.empty()) {
    auto read = read_token(text);
    if (!read) return reply(bad_request("continue key is not valid"));
    token = *read;
    // Later pages are read as they are now, but a watch from the first page's version repeats what is newer.
    if (token.version < world.store.oldest(route.what->kind))
      return reply(
          expired("The provided continue parameter is too old to display a consistent list result. You "
                  "can start a new list without the continue parameter."));
    it = all.upper_bound(token.after);
  }
  std::vector<Stored> found;
  bool more = false;
  for (; it != all.end(); ++it) {
    if (!selectors->ns.empty() && it->first.first != selectors->ns) break;
    if (!selectors->match(*it->second)) continue;
    if (limit && found.size() == limit) {
      more = true;
      break;
    }
    found.push_back(it->second);
  }
  std::string version = std::to_string(token.version), next;
  if (more) next = write_token({token.version, {found.back()->ns, found.back()->name}});
  if (asks_table(request)) {
    json::object t = table(*route.what, found, version);
    if (more) t["metadata"].get_object()["continue"] = next;
    return reply(200, json::serialize(t));
  }
  const bool metadata = asks_metadata(request);
  std::string body = fmt::format(R"({{"kind":"{}List","apiVersion":"{}","metadata":{{"resourceVersion":"{}")",
                                 metadata ? "PartialObjectMetadata" : route.what->type,
                                 metadata ? "meta.k8s.io/v1" : route.what->version, version);
  if (more) body += fmt::format(R"(,"continue":"{}")", next);
  body += R"(},"items":[)";
  for (size_t i = 0; i < found.size(); ++i) {
    if (i) body += ',';
    body += metadata ? json::serialize(metadata_of(*found[i])) : *found[i]->text();
  }
  body += "]}";
  return reply(200, std::move(body));
}

Failure planned(const Faults::Verdict& v) {
  Failure f{v.status, "", v.message, {}};
  std::string usual;
  switch (v.status) {
    case 401:
      f.reason = "Unauthorized", usual = "Unauthorized";
      break;
    case 403:
      f.reason = "Forbidden", usual = "forbidden: User \"playground\" cannot do this";
      break;
    case 409:
      f.reason = "Conflict", usual =
                                 "the object has been modified; please apply your changes to the latest "
                                 "version and try again";
      break;
    case 410:
      return expired(v.message.empty() ? "too old resource version" : v.message);
    case 429:
      f.reason = "TooManyRequests", usual = "Too many requests, please try again later.";
      break;
    case 503:
      f.reason = "ServiceUnavailable", usual = "apiserver not ready";
      break;
    case 504:
      f.reason = "Timeout", usual = "request timed out";
      break;
    default:
      f.reason = "InternalError", usual = "Internal error occurred: playground fault";
      break;
  }
  if (f.message.empty()) f.message = usual;
  if (v.retry_after.count()) f.details["retryAfterSeconds"] = v.retry_after.count();
  return f;
}

net::Response dispatch(std::shared_ptr<World> world, const net::Request& r) {
  if (r.path == "/readyz" || r.path == "/livez" || r.path == "/healthz") {
    net::Response ok = reply(200, "ok");
    ok.headers.find("Content-Type")->second = "text/plain; charset=utf-8";
    return ok;
  }
  if (r.method == "GET")
    if (json::value d = discovery(r.path); !d.is_null()) return reply(200, json::serialize(d));
  Route to = route(r.path);
  if (!to.known) return reply(no_such_path());
  bool read = r.method == "GET" || r.method == "HEAD";
  if (to.sub == "log" && to.what->kind == Kind::pod && read) return log(world, r, to);
  if (to.sub == "scale" && is_scaled(to.what->kind)) return scale(*world, r, to);
  if (!to.sub.empty() && !(to.sub == "status" && read)) return reply(no_such_path());
  auto watching = r.query_value("watch");
  if (read && (watching == "1" || watching == "true")) return watch(world, r, to);
  if (read && to.name.empty()) return list(*world, r, to);
  if (read) return get(*world, r, to);
  if (r.method == "DELETE") return remove(*world, r, to);
  return write(*world, r, to);
}

}  // namespace

bool asks_table(const net::Request& r) {
  return net::header(r.headers, "Accept").find("as=Table") != std::string::npos;
}

bool asks_metadata(const net::Request& r) {
  return net::header(r.headers, "Accept").find("as=PartialObjectMetadata") != std::string::npos;
}

json::object metadata_of(const Object& o) {
  return {{"kind", "PartialObjectMetadata"}, {"apiVersion", "meta.k8s.io/v1"}, {"metadata", o.meta()}};
}

net::Response reply(int status, std::string body) {
  net::Response r;
  r.status = status;
  r.headers.emplace("Content-Type", "application/json");
  r.body = std::move(body);
  return r;
}

net::Response reply(const Failure& failure) {
  net::Response r = reply(failure.code, json::serialize(failure.status()));
  if (int64_t after = int_or(failure.details, "retryAfterSeconds"))
    r.headers.emplace("Retry-After", std::to_string(after));
  return r;
}

Answer<Selectors> Selectors::read(const net::Request& request, const Route& route) {
  auto labels = LabelSelector::parse(request.query_value("labelSelector"));
  if (!labels) return refuse(labels.error());
  auto fields = FieldSelector::parse(request.query_value("fieldSelector"));
  if (!fields) return refuse(fields.error());
  return Selectors{std::move(*labels), std::move(*fields), route.ns};
}

Task<net::Response> handle(std::shared_ptr<World> world, net::Request request) {
  auto watching = request.query_value("watch");
  auto verdict = world->faults.judge(request.method, request.path, watching == "1" || watching == "true");
  if (verdict.delay.count()) co_await sleep_for(verdict.delay);
  if (verdict.cut)
    throw boost::system::system_error(asio::error::operation_aborted);  // the server just closes
  if (verdict.status) co_return reply(planned(verdict));
  co_return dispatch(world, request);
}

}  // namespace lemmy::playground
