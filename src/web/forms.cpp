// The forms that change something. What cannot be taken back asks first: confirm.cpp.
#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "domain/addresses.h"
#include "domain/names.h"
#include "web/context.h"
#include "web/pages.h"

namespace lemmy::web {
namespace {

constexpr size_t kReasonBytes = 500;

bool is_on_its_way(const Deploy& d, deploy::Action action) {
  switch (action) {
    case deploy::Action::zero:
      return d.wanted == Wanted::zeroed;
    case deploy::Action::remove:
      return d.wanted == Wanted::deleted;
    case deploy::Action::restore:
      return d.wanted == Wanted::running && d.presence != Presence::deleted && d.out_by == 0;
    case deploy::Action::accept:
      return d.phase == Phase::live;
    case deploy::Action::cancel:
      return !d.cancel_requested_by.empty();
    default:
      return false;
  }
}

}  // namespace

std::string Pages::serving_now(const Target& target) const {
  const Deploy* serving = services_.conductor->current(target);
  return std::to_string(serving ? serving->number : 0);
}

std::string Pages::newest_now(const Target& target) const {
  const Deploy* latest = services_.conductor->latest(target);
  return std::to_string(latest ? latest->number : 0);
}

std::string Pages::then_serves(const Target& target, int64_t number) const {
  const Deploy* next = services_.conductor->current(target, number);
  return std::to_string(next ? next->number : 0);
}

json::array Pages::meanwhile(const Target& target, Form& form, const std::string& request_id,
                             int64_t number) const {
  json::array out;
  const std::string reason = shorten(valid_utf8(trim(form["reason"])), kReasonBytes);
  const bool at_once = form["at_once"] == "yes";
  if (const Deploy* made = services_.conductor->made_for(target, request_id);
      made && made->reason == reason && made->at_once == at_once)
    return out;  // clicked twice
  const std::string &serving = form["serving"], &after = form["after"];
  const Deploy* latest = services_.conductor->latest(target);
  if (!serving.empty() && serving != serving_now(target))
    out.emplace_back("What serves has changed since you were asked. Look again: nothing was done yet.");
  else if (const std::string& then = form["then"]; !then.empty() && then != then_serves(target, number))
    out.emplace_back(
        "What would take its place has changed since you were asked. Look again: nothing was done yet.");
  else if (!after.empty() && after != newest_now(target) && latest)
    out.emplace_back(
        fmt::format("{} asked for #{} of build {} here since you looked. Look again: nothing was done yet.",
                    latest->who, latest->number, short_sha(latest->sha)));
  if (!out.empty() && at_once)
    out.emplace_back(
        "That what serves is taken out at once was ticked before: tick it again if it still shall be.");
  return out;
}

bool Pages::moves_who_serves(const Target& target, int64_t number, deploy::Action action) const {
  const Deploy* serving = services_.conductor->current(target);
  switch (action) {
    case deploy::Action::rollback:
    case deploy::Action::accept:
      return true;
    case deploy::Action::cancel:
      return false;
    case deploy::Action::restore: {
      const Deploy* d = services_.conductor->find(target, number);
      return serving && serving->number != number && d && d->serving_since;
    }
    default: {
      const Deploy* d = services_.conductor->find(target, number);
      return (serving && serving->number == number) || (d && services_.conductor->answers_alone(*d));
    }
  }
}

json::array hidden(std::initializer_list<std::pair<std::string_view, std::string>> list) {
  json::array out;
  for (const auto& [name, value] : list) out.push_back({{"name", name}, {"value", value}});
  return out;
}

Pages::Answer Pages::deploy(route::Call call) {
  auto form = fields(call.request);
  if (!form) co_return error(call, form.error());
  const Target target = call.target();
  const config::Environment* environment = call.config->environment(target.environment);
  if (auto there = services_.conductor->check_target(target); !there) co_return error(call, there.error());
  // Clicked twice, or by two people at once: one deploy.
  std::string request_id;
  if (const std::string& after = (*form)["after"]; !after.empty() && after.size() < 20)
    request_id = "page:" + (*form)["build"] + ":after:" + after;
  json::array changed = meanwhile(target, *form, request_id);
  const bool asks = environment && environment->is_protected && (*form)["confirm"] != "yes";
  if (asks || !changed.empty())
    co_return co_await confirm_deploy(std::move(call), std::move(*form), std::move(changed));
  deploy::Request request;
  request.target = target;
  request.build = (*form)["build"];
  request.who = call.who.name;
  request.reason = shorten(valid_utf8(trim((*form)["reason"])), kReasonBytes);
  request.serving = whole_number((*form)["serving"]);
  request.request_id = std::move(request_id);
  auto made = co_await live::in_time(services_.conductor->request(std::move(request)));
  if (!made) co_return error(call, made.error());
  co_return see_other(deploy_address(made->target, made->number));
}

Pages::Answer Pages::look_instead(route::Call call) {
  const std::string& path = call.request.path;
  const auto has = [&](std::string_view name) { return call.request.params.contains(name); };
  const bool of_one = has("number") || has("run") || has("release");
  co_return see_other(of_one ? path.substr(0, path.rfind('/')) : "/projects/" + call.param("project"));
}

static std::string back_to_instances(const std::string& query) {
  return "/instances" + (query.empty() || query.find_first_of("\r\n") != query.npos ? "" : "?" + query);
}

Pages::Answer Pages::run_instance(route::Call call) {
  auto form = fields(call.request);
  if (!form) co_return error(call, form.error());
  auto asked = co_await services_.instances->run_again(call.target(), (*form)["instance_id"], call.who.name,
                                                       call.request.remote);
  if (!asked) co_return error(call, asked.error());
  co_return see_other(back_to_instances((*form)["query"]));
}

Pages::Answer Pages::let_go_of_instance(route::Call call) {
  auto form = fields(call.request);
  if (!form) co_return error(call, form.error());
  auto gone = co_await services_.instances->let_go(call.target(), (*form)["instance_id"]);
  if (!gone) co_return error(call, gone.error());
  co_return see_other(back_to_instances((*form)["query"]));
}

Pages::Answer Pages::act(route::Call call) {
  auto form = fields(call.request);
  if (!form) co_return error(call, form.error());
  auto number = number_of(call);
  if (!number) co_return error(call, number.error());
  auto action = deploy::action_from(call.param("action"));
  if (!action) co_return error(call, {ErrorCode::not_found, call.request.path, "there is no such action"});
  const Target target = call.target();
  const bool confirmed = (*form)["confirm"] == "yes", rolls_back = *action == deploy::Action::rollback;
  std::string request_id;
  if (const std::string& after = (*form)["after"]; rolls_back && !after.empty() && after.size() < 20)
    request_id = fmt::format("page:rollback:{}:after:{}", *number, after);
  json::array changed = meanwhile(target, *form, request_id, *number);
  const Deploy* d = services_.conductor->find(target, *number);
  const auto all = d ? services_.conductor->possible(*d) : std::vector{*action};
  const bool can = std::ranges::find(all, *action) != all.end();
  // Clicked twice: it is on its way.
  if (d && !can && is_on_its_way(*d, *action))
    co_return see_other((*form)["back"].empty() ? deploy_address(target, *number)
                                                : local_path((*form)["back"]));
  if (can && (!changed.empty() || (!confirmed && moves_who_serves(target, *number, *action))))
    co_return co_await confirm_act(std::move(call), std::move(*form), std::move(changed), *number, *action);

  deploy::Act act;
  act.target = target;
  act.number = *number;
  act.action = *action;
  act.who = call.who.name;
  act.reason = shorten(valid_utf8(trim((*form)["reason"])), kReasonBytes);
  act.confirmed = confirmed;
  act.serving = whole_number((*form)["serving"]);
  act.at_once = rolls_back && (*form)["at_once"] == "yes";
  act.request_id = std::move(request_id);
  auto done = co_await live::in_time(services_.conductor->act(std::move(act)));
  if (!done) co_return error(call, done.error());
  if (rolls_back) co_return see_other(deploy_address(target, done->number));
  const std::string& back = (*form)["back"];
  co_return see_other(back.empty() ? deploy_address(target, *number) : local_path(back));
}

}  // namespace lemmy::web
