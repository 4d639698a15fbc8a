// Releases: the form that asks where a build shall go together, and the way back.
#include "release/releases.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crypto.h"
#include "base/strings.h"
#include "domain/names.h"
#include "web/context.h"
#include "web/pages.h"

namespace lemmy::web {
namespace {

constexpr size_t kReasonBytes = 500;

release::Releases releases_of(const live::Services& s) { return {s.conductor, s.store, s.config}; }

std::string release_path(const std::string& project, const std::string& id) {
  return fmt::format("/projects/{}/releases/{}", project, id);
}

// Where each goes back to, for a question that is answered later.
std::string ways_text(const release::Release& release, const std::map<std::string, release::WayBack>& ways) {
  std::vector<std::string> each;
  for (const Deploy& d : release.deploys) {
    const release::WayBack& way = ways.at(d.target.environment);
    each.push_back(fmt::format("{}.{}.{}", d.target.environment, static_cast<int>(way.kind), way.to));
  }
  return join(each, ",");
}

// Clicked twice: one release.
std::string request_id(const std::string& key) { return key.empty() || key.size() > 40 ? "" : "page:" + key; }

}  // namespace

Pages::Answer Pages::release_form(route::Call call) {
  const std::string project = call.param("project");
  auto build = co_await services_.store->build(project, call.param("sha"));
  if (!build) co_return error(call, build.error());
  const config::Project* p = call.config->project(project);
  json::array choices;
  for (const config::Environment& e : call.config->environments) {
    const config::ProjectEnvironment* own = p ? p->environment(e.name) : nullptr;
    if (!own) continue;
    const Target target{project, e.name};
    const Deploy* serving = services_.conductor->current(target);
    choices.push_back(
        {{"name", e.name},
         {"protected", e.is_protected},
         {"on", own->deployer == Deployer::ansible ? "hosts" : "pods"},
         {"serving", serving ? fmt::format("#{} of build {}", serving->number, short_sha(serving->sha)) : ""},
         {"may", may_json(call.who, *call.config, target)}});
  }
  json::object o = context(call);
  json::object of_build = services_.board->build_json(*build);
  o["title"] = fmt::format("Release {} of {}", short_sha(build->sha), project);
  o["project"] = project;
  o["build"] = std::move(of_build);
  o["choices"] = std::move(choices);
  o["key"] = random_hex(12);
  co_return co_await html(std::move(call), "release_form.html.j2", std::move(o));
}

Pages::Answer Pages::release(route::Call call) {
  auto form = net::parse_form(call.request.body);
  if (!form) co_return error(call, form.error());
  release::ReleaseRequest request;
  request.project = call.param("project");
  request.who = call.who.name;
  for (auto& [name, value] : *form) {
    if (name == "environment") request.environments.push_back(value);
    if (name == "build") request.build = value;
    if (name == "reason") request.reason = shorten(valid_utf8(trim(value)), kReasonBytes);
    if (name == "key") request.request_id = request_id(value);
  }
  if (auto ok = route::may_deploy(call, request.environments); !ok) co_return error(call, ok.error());
  auto releases = releases_of(services_);
  auto made = co_await live::in_time(releases.request(std::move(request)));
  if (!made) co_return error(call, made.error());
  co_return see_other(release_path(made->project, made->id));
}

Pages::Answer Pages::roll_back_release(route::Call call) {
  auto form = fields(call.request);
  if (!form) co_return error(call, form.error());
  auto releases = releases_of(services_);
  auto old = co_await releases.find(call.param("project"), call.param("release"));
  if (!old) co_return error(call, old.error());
  std::vector<std::string> names;
  for (const Deploy& d : old->deploys) names.push_back(d.target.environment);
  if (auto ok = route::may_deploy(call, names); !ok) co_return error(call, ok.error());
  if ((*form)["confirm"] != "yes")
    co_return co_await confirm_roll_back(std::move(call), std::move(*old), std::move(*form), false);
  auto ways = co_await releases.ways_back(*old);
  if (!ways) co_return error(call, ways.error());
  const std::string key = request_id((*form)["key"]);
  const bool done = !key.empty() && std::ranges::any_of(names, [&](const std::string& e) {
    return services_.conductor->made_for({old->project, e}, key + "/" + e) != nullptr;
  });
  if (auto then = form->find("ways"); !done && then != form->end() && then->second != ways_text(*old, *ways))
    co_return co_await confirm_roll_back(std::move(call), std::move(*old), std::move(*form), true);
  release::ReleaseRollBack request;
  request.project = old->project;
  request.release = old->id;
  request.who = call.who.name;
  request.reason = shorten(valid_utf8(trim((*form)["reason"])), kReasonBytes);
  request.request_id = key;
  request.partial = (*form)["partial"] == "yes";
  auto made = co_await live::in_time(releases.roll_back(std::move(request)));
  if (!made) co_return error(call, made.error());
  co_return see_other(release_path(made->project, made->id));
}

Pages::Answer Pages::confirm_roll_back(route::Call call, release::Release release, Form form,
                                       bool changed) const {
  auto releases = releases_of(services_);
  auto ways = co_await releases.ways_back(release);
  if (!ways) co_return error(call, ways.error());
  using Kind = release::WayBack::Kind;
  json::array lines;
  bool cannot = false;
  for (const Deploy& d : release.deploys) {
    const release::WayBack& way = ways->at(d.target.environment);
    cannot = cannot || way.kind == Kind::cannot;
    const std::string line = way.kind == Kind::goes ? fmt::format("back to #{}", way.to)
                             : way.kind == Kind::cannot
                                 ? "cannot be rolled back, and stays as it is: " + way.why
                                 : "stays as it is: " + way.why;
    std::string serves;
    if (const Deploy* serving = services_.conductor->current(d.target); serving && way.kind == Kind::goes)
      serves = fmt::format(" from #{} of build {}, which serves", serving->number, short_sha(serving->sha));
    lines.emplace_back(d.target.environment + ": " + line + serves + ".");
  }
  json::object o = context(call);
  o["title"] = fmt::format("Roll back release {} of {}?", release.id, release.project);
  o["lines"] = std::move(lines);
  o["changes"] = nullptr;
  o["action"] = release_path(release.project, release.id) + "/rollback";
  o["fields"] = hidden(
      {{"key", random_hex(12)}, {"partial", cannot ? "yes" : ""}, {"ways", ways_text(release, *ways)}});
  if (changed)
    o["meanwhile"] =
        json::array{"Something there has changed since you were asked. Look again: nothing was done yet."};
  o["ask_reason"] = true;
  o["reason"] = shorten(valid_utf8(form["reason"]), kReasonBytes);
  o["danger"] = cannot;
  o["button"] = cannot ? "Roll back the others" : "Roll back together";
  o["back"] = release_path(release.project, release.id);
  co_return co_await html(std::move(call), "confirm.html.j2", std::move(o));
}

}  // namespace lemmy::web
