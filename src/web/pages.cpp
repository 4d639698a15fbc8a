#include "web/pages.h"

#include <fmt/format.h>

#include <charconv>

#include "base/log.h"
#include "base/strings.h"
#include "web/context.h"
#include "web/render.h"

namespace lemmy::web {
namespace {

// A page waits so long for the store; with what was known before at hand it need not wait long.
constexpr milliseconds kRead{8'000}, kReadInTrouble{1'000};
constexpr int kBuildsAPage = 20, kInstancesAPage = 100, kProjectsAPage = 50;

constexpr std::string_view kTemplates[] = {"home.html.j2",      "project.html.j2", "status.html.j2",
                                           "instances.html.j2", "release.html.j2", "dry_run.html.j2"};

std::string stream_path(View view, const route::Call& call) {
  if (view == View::home) return "/live";
  if (view == View::instances) return "/instances/live";
  if (view == View::project) return "/projects/" + call.param("project") + "/live";
  if (view == View::release)
    return fmt::format("/projects/{}/releases/{}/live", call.param("project"), call.param("release"));
  const std::string environment =
      fmt::format("/projects/{}/environments/{}", call.param("project"), call.param("environment"));
  if (view == View::dry_run) return fmt::format("{}/dry-runs/{}/live", environment, call.param("run"));
  return fmt::format("{}/deploys/{}/live", environment, call.param("number"));
}

void add_log_links(json::object& data, const std::string& base) {
  json::value* pods = data.if_contains("pods");
  if (!pods || !pods->is_array()) return;
  for (json::value& p : pods->get_array())
    for (json::value& c : p.at("containers").as_array())
      c.as_object()["logs"] = fmt::format("{}/logs?pod={}&container={}", base,
                                          net::percent_encode(text_or(p.as_object(), "name")),
                                          net::percent_encode(text_or(c.as_object(), "name")));
}

void say_what_may(json::object& data, const route::Call& call) {
  json::array own;
  for (json::value& v : data["instances"].as_array()) {
    json::object& i = v.as_object();
    const Target target{std::string(text_or(i, "project")), std::string(text_or(i, "environment"))};
    if (!call.who.may_touch(target.project)) continue;
    i["may"] = may_json(call.who, *call.config, target);
    own.push_back(std::move(v));
  }
  data["instances"] = std::move(own);
}

}  // namespace

Pages::Pages(route::Router* router, live::Services services)
    : router_(router), services_(std::move(services)), fragments_(services_.loop) {}

std::string deploy_path(const Target& target, int64_t number) {
  return fmt::format("/projects/{}/environments/{}/deploys/{}", target.project, target.environment, number);
}

std::string query_of(const route::Call& call) {
  std::string out;
  for (const char* name : {"project", "environment", "search", "after"})
    if (auto value = call.request.query_value(name); !value.empty())
      out += (out.empty() ? "" : "&") + std::string(name) + "=" + net::percent_encode(value);
  return out;
}

std::string topic_of(View view, const route::Call& call) {
  if (view == View::instances) {
    std::string project(call.request.query_value("project"));
    const std::string_view environment = call.request.query_value("environment");
    return project.empty() || environment.empty() ? project : project + "/" + std::string(environment);
  }
  if (view == View::home) return "";
  return view == View::project || view == View::release ? call.param("project") : call.target().str();
}

Result<int64_t> number_of(const route::Call& call) {
  const std::string& text = call.param("number");
  int64_t n = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (ec != std::errc{} || end != text.data() + text.size() || n < 1)
    return fail(ErrorCode::not_found, call.target().str(), fmt::format("there is no deploy '{}'", text));
  return n;
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
    frame["clusters"] = json::array{};
    frame["strays"] = json::object{{"total", 0}, {"items", json::array{}}};
    frame["store"] = json::object{{"ok", true}};
    frame["revision"] = "";
  }
  o["frame"] = std::move(frame);
  o["page"] = page_json(call, call.csrf, "", false);
  return o;
}

Task<Result<std::string>> Pages::draw(std::string name, json::object context) const {
  auto drawn = co_await services_.pool->run([name, context = std::move(context)]() mutable {
    return render(name, json::value(std::move(context)));
  });
  co_return drawn;
}

Pages::Answer Pages::html(route::Call call, std::string name, json::object context, int status) const {
  auto drawn = co_await draw(name, std::move(context));
  if (!drawn) {
    log::error("a page could not be rendered", {{"template", name}, {"what", drawn.error().str()}});
    co_return error(
        call, {ErrorCode::internal, name, "this page could not be drawn", "the server's log says more"});
  }
  net::Response r;
  r.status = status;
  r.headers.emplace("Content-Type", "text/html; charset=utf-8");
  r.body = std::move(*drawn);
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
    last_known_.keep(key, *got, now());
    co_return got;
  }
  const ErrorCode code = got.error().code;
  const LastKnown::Entry* last = last_known_.find(key);
  if (code != ErrorCode::unavailable && code != ErrorCode::timeout) co_return got;
  if (!last)
    co_return fail(ErrorCode::unavailable, "the store", got.error().what, "load the page again in a moment");
  json::object data = last->data;
  data["stale"] = json::object{{"as_of", format_time(last->at)}, {"what", got.error().what}};
  co_return data;
}

// What the board says, and what the viewer may do with it.
Task<Result<json::object>> Pages::load(View view, route::Call call, std::string csrf,
                                       std::string live) const {
  json::object data;
  const Target target = call.target();
  const std::string key = stream_path(view, call) + "?" + query_of(call);
  if (view == View::home) {
    live::Board::Wanted wanted;
    wanted.may = [&call](std::string_view project) { return call.who.may_touch(project); };
    wanted.search = shorten(std::string(trim(call.request.query_value("search"))), 100);
    wanted.after = call.request.query_value("after");
    wanted.limit = kProjectsAPage;
    wanted.lines = true;
    data = services_.board->overview(wanted);
  } else if (view == View::project) {
    auto got = co_await known(
        key, services_.board->project(target.project,
                                      {kBuildsAPage, std::string(call.request.query_value("after"))}));
    if (!got) co_return fail(got.error());
    data = std::move(*got);
  } else if (view == View::instances) {
    auto got = co_await known(
        key, services_.board->instances(std::string(call.request.query_value("project")),
                                        std::string(call.request.query_value("environment")),
                                        {kInstancesAPage, std::string(call.request.query_value("after"))}));
    if (!got) co_return fail(got.error());
    data = std::move(*got);
    say_what_may(data, call);
  } else if (view == View::release) {
    auto got = co_await known(key, services_.board->release(target.project, call.param("release")));
    if (!got) co_return fail(got.error());
    data = std::move(*got);
  } else if (view == View::dry_run) {
    auto got = load_dry_run(call);
    if (!got) co_return fail(got.error());
    data = std::move(*got);
  } else {
    auto number = number_of(call);
    if (!number) co_return fail(number.error());
    auto got = co_await known(key, services_.board->status(target, *number));
    if (!got) co_return fail(got.error());
    data = std::move(*got);
    // None: it goes well, or the store does not tell; the rest of the page stands without.
    auto failure = co_await services_.board->failure(target, *number);
    data["failure"] = failure ? json::value(std::move(*failure)) : json::value(nullptr);
  }
  const bool fragment = live.empty();
  json::object page = page_json(call, std::move(csrf), std::move(live), fragment);
  page["next"] = net::percent_encode(text_or(data, "next"));
  if (view == View::project) {
    bool any = false;
    json::object may;
    std::string why;
    for (const json::value& e : data["environments"].as_array()) {
      std::string name(text_or(e.as_object(), "name"));
      json::object m = may_json(call.who, *call.config, {target.project, name});
      any = any || bool_or(m, "ok");
      why = text_or(m, "why", why);
      may[name] = std::move(m);
    }
    page["may"] = std::move(may);
    page["any_may"] = any;
    page["why"] = why;
  }
  if (view == View::instances) {
    page["project"] = call.request.query_value("project");
    page["environment"] = call.request.query_value("environment");
    page["query"] = query_of(call);
  }
  if (view == View::release) {
    std::vector<std::string> names;
    for (const json::value& d : data["deploys"].as_array())
      names.emplace_back(text_or(d.as_object(), "environment"));
    auto may = route::may_deploy(call, names);
    page["may"] = json::object{{"ok", may.has_value()}, {"why", may ? "" : may.error().what}};
  }
  if (view == View::dry_run) page["may"] = may_json(call.who, *call.config, target);
  if (view == View::deploy) {
    const json::object& deploy = data["deploy"].as_object();
    page["may"] = may_json(call.who, *call.config, target);
    page["steps"] = steps(deploy, data["history"].as_array());
    add_log_links(data, std::string(text_or(deploy, "url")));
  }
  data["page"] = std::move(page);
  json::object frame = services_.board->frame();
  say_stale(frame, data);
  data["frame"] = std::move(frame);
  co_return data;
}

Pages::Answer Pages::show(View view, route::Call call) {
  const std::string topic = topic_of(view, call);
  // Read before the data: what changes meanwhile comes by the stream.
  std::string live = stream_path(view, call) + "?since=" + services_.feed->id(services_.feed->version(topic));
  if (std::string query = query_of(call); !query.empty()) live += "&" + query;
  auto data = co_await load(view, call, call.csrf, live);
  if (!data) co_return error(call, data.error());
  std::string name(kTemplates[static_cast<int>(view)]);
  co_return co_await html(std::move(call), name, std::move(*data));
}

Task<Result<std::string>> Pages::fragment(View view, route::Call call) const {
  auto data = co_await load(view, call, fragments_.placeholder(), "");
  if (!data) co_return fail(data.error());
  co_return co_await draw(std::string(kTemplates[static_cast<int>(view)]), std::move(*data));
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
