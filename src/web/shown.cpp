// What pages show that keep themselves fresh: whole, and as the fragment that their viewers share.
#include <fmt/format.h>

#include "base/crypto.h"
#include "base/strings.h"
#include "live/ages.h"
#include "web/context.h"
#include "web/pages.h"
#include "web/render.h"

namespace lemmy::web {
namespace {

constexpr int kBuildsAPage = 20, kInstancesAPage = 100, kProjectsAPage = 50;
// Of all projects something always changes: one update a second is as much as anybody can read. What it does
// not show, as most of what happens to a pod, does not make the next one wait so long.
constexpr live::Pace kCalm{.each = milliseconds{1'000}, .burst = 1, .unchanged = milliseconds{200}};

constexpr std::string_view kTemplates[] = {"home.html.j2",      "project.html.j2", "status.html.j2",
                                           "instances.html.j2", "release.html.j2", "dry_run.html.j2"};

std::string template_of(View view) { return std::string(kTemplates[static_cast<int>(view)]); }

std::string topic_of(View view, const route::Call& call) {
  if (view == View::instances) {
    std::string project(call.request.query_value("project"));
    const std::string_view environment = call.request.query_value("environment");
    return project.empty() || environment.empty() ? project : project + "/" + std::string(environment);
  }
  if (view == View::home) return "";
  return view == View::project || view == View::release ? call.param("project") : call.target().str();
}

// What two viewers must have in common to be shown the same.
std::string key_of(View view, const route::Call& call) {
  const config::Config& config = *call.config;
  std::string key = page_of(call) + "\n" + config.revision + "\n";
  if (view == View::instances) key += config::name(call.who.role);
  if (view == View::home || view == View::instances) return key + join(call.who.projects, ",");
  if (view == View::deploy || view == View::dry_run)
    return key + json::serialize(may_json(call.who, config, call.target()));
  key += config::name(call.who.role);  // also decides about what is not configured any more
  for (const config::Environment& e : config.environments)
    key += json::serialize(may_json(call.who, config, {call.param("project"), e.name}));
  return key;
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

// So that a row of the table is known again when it says more, or moves.
void add_event_keys(json::object& data) {
  for (json::value& v : data["events"].as_array()) {
    json::object& e = v.as_object();
    const std::string says = fmt::format("{}\n{}", text_or(e, "reason"), text_or(e, "message"));
    e["key"] = sha256_hex(says).substr(0, 12);
  }
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

json::object may_of_project(const json::object& data, const route::Call& call) {
  bool any = false;
  json::object may;
  std::string why;
  bool same = true;
  for (const json::value& e : data.at("environments").as_array()) {
    std::string name(text_or(e.as_object(), "name"));
    json::object m = may_json(call.who, *call.config, {call.param("project"), name});
    any = any || bool_or(m, "ok");
    const std::string_view own = text_or(m, "why");
    same = same && (why.empty() || own.empty() || own == why);
    if (!own.empty()) why = own;
    may[name] = std::move(m);
  }
  // What one environment asks for is not said of all.
  if (!same) why = "Look, but do not touch: you may deploy to none of its environments";
  return {{"may", std::move(may)}, {"any_may", any}, {"why", why}};
}

}  // namespace

// What the board says.
Task<Result<json::object>> Pages::read(View view, route::Call call) const {
  const Target target = call.target();
  const std::string after(call.request.query_value("after")), key = page_of(call);
  live::Board& board = *services_.board;
  if (view == View::home) {
    live::Board::Wanted wanted;
    wanted.may = [&call](std::string_view project) { return call.who.may_touch(project); };
    wanted.search = shorten(std::string(trim(call.request.query_value("search"))), 100);
    wanted.after = after;
    wanted.limit = kProjectsAPage;
    wanted.lines = true;
    co_return board.overview(wanted);
  }
  if (view == View::project)
    co_return co_await known(key, board.project(target.project, {kBuildsAPage, after}));
  if (view == View::instances) {
    live::Board::InstancesWanted wanted;
    wanted.project = call.request.query_value("project");
    wanted.environment = call.request.query_value("environment");
    wanted.state = call.request.query_value("state");
    wanted.page = {kInstancesAPage, after};
    wanted.may = [who = call.who](std::string_view project) { return who.may_touch(project); };
    co_return co_await known(key_of(view, call), board.instances(std::move(wanted)));
  }
  if (view == View::release)
    co_return co_await known(key, board.release(target.project, call.param("release")));
  if (view == View::dry_run) co_return load_dry_run(call);
  auto number = number_of(call);
  if (!number) co_return fail(number.error());
  auto got = co_await known(key, board.status(target, *number));
  if (!got) co_return fail(got.error());
  // None: it goes well, or the store does not tell; the rest of the page stands without.
  auto failure = co_await board.failure(target, *number);
  (*got)["failure"] = failure ? json::value(std::move(*failure)) : json::value(nullptr);
  co_return std::move(*got);
}

// And what the viewer may do with it.
Task<Result<json::object>> Pages::load(View view, route::Call call, bool fragment) const {
  auto got = co_await read(view, call);
  if (!got) co_return fail(got.error());
  json::object data = std::move(*got);
  json::object page = page_json(call, fragment ? "" : call.csrf, page_of(call), fragment);
  page["next"] = net::percent_encode(text_or(data, "next"));
  if (view == View::project)
    for (auto& [key, value] : may_of_project(data, call)) page[key] = std::move(value);
  if (view == View::instances) {
    say_what_may(data, call);
    page["project"] = call.request.query_value("project");
    page["environment"] = call.request.query_value("environment");
    page["state"] = call.request.query_value("state");
    page["query"] = query_of(call);
  }
  if (view == View::release) {
    std::vector<std::string> names;
    for (const json::value& d : data["deploys"].as_array())
      names.emplace_back(text_or(d.as_object(), "environment"));
    auto may = route::may_deploy(call, names);
    page["may"] = json::object{{"ok", may.has_value()}, {"why", may ? "" : may.error().what}};
  }
  if (view == View::dry_run) page["may"] = may_json(call.who, *call.config, call.target());
  if (view == View::deploy) {
    const json::object& deploy = data["deploy"].as_object();
    page["may"] = may_json(call.who, *call.config, call.target());
    page["steps"] = steps(deploy, data["history"].as_array());
    add_log_links(data, std::string(text_or(deploy, "url")));
    add_event_keys(data);
  }
  data["page"] = std::move(page);
  json::object frame = services_.board->frame();
  say_stale(frame, data);
  data["frame"] = std::move(frame);
  if (fragment) live::drop_ages(data);
  co_return data;
}

Pages::Answer Pages::show(View view, route::Call call) {
  auto data = co_await load(view, call, false);
  if (!data) co_return error(call, data.error());
  auto drawn = co_await draw(call, template_of(view), std::move(*data), page_of(call));
  if (!drawn) co_return undrawn(call, template_of(view), drawn.error());
  if (drawn->outline) recent_.keep(drawn->outline->id, drawn->outline);
  co_return reply(std::move(*drawn));
}

live::Channels<Fragment>::Source Pages::source(View view, route::Call call) {
  using Newest = std::shared_ptr<const Fragment>;
  live::Channels<Fragment>::Source source;
  source.key = key_of(view, call);
  source.topic = topic_of(view, call);
  if (view == View::home || view == View::instances) source.pace = kCalm;
  source.make = [this, view, call](Newest before) -> Task<Result<Newest>> {
    auto data = co_await load(view, call, true);
    if (!data) co_return fail(data.error());
    auto made = co_await services_.pool->run(
        [view, page = page_of(call), before, data = std::move(*data)]() mutable -> Result<Newest> {
          auto html = render(template_of(view), json::value(std::move(data)));
          if (!html) return fail(html.error());
          auto fragment = std::make_shared<const Fragment>(page, std::move(*html));
          if (before && before->outline()->id == fragment->outline()->id) return before;
          // Most viewers have the one before.
          if (before) fragment->since(*before->outline())->deflated();
          return fragment;
        });
    if (made && *made != before) recent_.keep((*made)->outline()->id, (*made)->outline());
    co_return made;
  };
  return source;
}

}  // namespace lemmy::web
