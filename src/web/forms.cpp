// The forms that change something. What cannot be taken back asks first, on a page of its own.
#include <fmt/format.h>

#include "base/strings.h"
#include "domain/addresses.h"
#include "domain/names.h"
#include "web/context.h"
#include "web/pages.h"

namespace lemmy::web {
namespace {

constexpr size_t kReasonBytes = 500;

std::string serving_line(const Deploy* serving, const std::string& environment) {
  return serving ? fmt::format("#{} of build {} serves in {} now.", serving->number, short_sha(serving->sha),
                               environment)
                 : fmt::format("Nothing serves in {} now.", environment);
}

// Above a question that is asked again, as its answer was about another one.
void add_meanwhile(json::array& lines, bool was_asked) {
  if (was_asked)
    lines.emplace_back("What serves has changed since you were asked. Look again: nothing was done yet.");
}

}  // namespace

std::string Pages::serving_now(const Target& target) const {
  const Deploy* serving = services_.conductor->current(target);
  return std::to_string(serving ? serving->number : 0);
}

bool Pages::still_serves(const Target& target, Form& form) const {
  return form["serving"].empty() || form["serving"] == serving_now(target);
}

bool Pages::moves_who_serves(const Target& target, int64_t number, deploy::Action action) const {
  const Deploy* serving = services_.conductor->current(target);
  switch (action) {
    case deploy::Action::rollback:
      return true;
    case deploy::Action::cancel:
      return false;
    case deploy::Action::restore: {
      const Deploy* d = services_.conductor->find(target, number);
      return serving && serving->number != number && d && d->serving_since;
    }
    default:
      return serving && serving->number == number;
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
  const bool confirmed = (*form)["confirm"] == "yes" && still_serves(target, *form);
  if (environment && environment->is_protected && !confirmed)
    co_return co_await confirm_deploy(std::move(call), std::move(*form));
  deploy::Request request;
  request.target = target;
  request.build = (*form)["build"];
  request.who = call.who.name;
  request.reason = shorten(valid_utf8(trim((*form)["reason"])), kReasonBytes);
  request.serving = whole_number((*form)["serving"]);
  // Clicked twice, or by two people at once: one deploy.
  if (const std::string& after = (*form)["after"]; !after.empty() && after.size() < 20)
    request.request_id = "page:" + request.build + ":after:" + after;
  auto made = co_await live::in_time(services_.conductor->request(std::move(request)));
  if (!made) co_return error(call, made.error());
  co_return see_other(deploy_address(made->target, made->number));
}

Pages::Answer Pages::confirm_deploy(route::Call call, Form form) const {
  const Target target = call.target();
  auto build = co_await services_.store->build(target.project, form["build"]);
  if (!build) co_return error(call, build.error());
  json::array lines;
  add_meanwhile(lines, form["confirm"] == "yes");
  lines.emplace_back(fmt::format("{} is a protected environment.", target.environment));
  std::string what = fmt::format("Build {} of branch {}", short_sha(build->sha), build->branch);
  if (!build->author.empty()) what += " by " + build->author;
  if (!build->message.empty()) what += ": " + std::string(split(build->message, '\n').front());
  lines.emplace_back(what);
  lines.emplace_back(serving_line(services_.conductor->current(target), target.environment));
  json::object o = context(call);
  o["title"] = fmt::format("Deploy {} to {}?", target.project, target.environment);
  o["lines"] = std::move(lines);
  o["changes"] = nullptr;
  o["action"] = target_address(target) + "/deploys";
  o["fields"] = hidden({{"build", build->sha}, {"after", form["after"]}, {"serving", serving_now(target)}});
  o["dry_run"] = target_address(target) + "/dry-runs";
  o["ask_reason"] = true;
  o["reason"] = shorten(valid_utf8(form["reason"]), kReasonBytes);
  o["danger"] = false;
  o["button"] = fmt::format("Deploy {} to {}", short_sha(build->sha), target.environment);
  o["back"] = "/projects/" + target.project;
  co_return co_await html(std::move(call), "confirm.html.j2", std::move(o));
}

Pages::Answer Pages::run_instance(route::Call call) {
  auto form = fields(call.request);
  if (!form) co_return error(call, form.error());
  auto asked = co_await services_.instances->run_again(call.target(), (*form)["instance_id"], call.who.name,
                                                       call.request.remote);
  if (!asked) co_return error(call, asked.error());
  const std::string query = (*form)["query"];
  co_return see_other("/instances" +
                      (query.empty() || query.find_first_of("\r\n") != query.npos ? "" : "?" + query));
}

Pages::Answer Pages::act(route::Call call) {
  auto form = fields(call.request);
  if (!form) co_return error(call, form.error());
  auto number = number_of(call);
  if (!number) co_return error(call, number.error());
  auto action = deploy::action_from(call.param("action"));
  if (!action) co_return error(call, {ErrorCode::not_found, call.request.path, "there is no such action"});
  const Target target = call.target();
  const bool confirmed = (*form)["confirm"] == "yes" && still_serves(target, *form);
  if (!confirmed && moves_who_serves(target, *number, *action))
    co_return co_await confirm_act(std::move(call), std::move(*form), *number, *action);

  deploy::Act act;
  act.target = target;
  act.number = *number;
  act.action = *action;
  act.who = call.who.name;
  act.reason = shorten(valid_utf8(trim((*form)["reason"])), kReasonBytes);
  act.confirmed = confirmed;
  act.serving = whole_number((*form)["serving"]);
  act.at_once = *action == deploy::Action::rollback && (*form)["at_once"] == "yes";
  if (const std::string& after = (*form)["after"]; !after.empty() && after.size() < 20)
    act.request_id = fmt::format("page:rollback:{}:after:{}", *number, after);
  auto done = co_await live::in_time(services_.conductor->act(std::move(act)));
  if (!done) co_return error(call, done.error());
  if (*action == deploy::Action::rollback) co_return see_other(deploy_address(target, done->number));
  const std::string& back = (*form)["back"];
  co_return see_other(back.empty() ? deploy_address(target, *number) : local_path(back));
}

Pages::Answer Pages::confirm_act(route::Call call, Form form, int64_t number, deploy::Action action) const {
  const Target target = call.target();
  auto stored = co_await services_.store->deploy(target, number);
  if (!stored) co_return error(call, stored.error());
  const Deploy* serving = services_.conductor->current(target);
  const Deploy* latest = services_.conductor->latest(target);
  const std::string after = std::to_string(latest ? latest->number : 0);
  const bool rolls_back = action == deploy::Action::rollback;
  const bool restores = action == deploy::Action::restore;
  const bool takes_away = !rolls_back && !restores;
  const std::string verb = rolls_back                       ? "Roll back to"
                           : restores                       ? "Restore"
                           : action == deploy::Action::zero ? "Zero"
                                                            : "Delete";

  json::array lines;
  add_meanwhile(lines, form["confirm"] == "yes");
  json::object o = context(call);
  o["changes"] = nullptr;
  if (rolls_back) {
    const bool hosts = stored->deployer == Deployer::ansible;
    lines.emplace_back(fmt::format("{}, as a new deploy of build {}.",
                                   hosts ? "Its playbook runs again with the configuration that it had"
                                         : "Its stored manifests are applied again",
                                   short_sha(stored->sha)));
    lines.emplace_back(serving_line(serving, target.environment));
    if (serving && !hosts) {
      lines.emplace_back(fmt::format("#{} gets no more requests as soon as the pods of this one are ready.",
                                     serving->number));
      o["at_once"] = serving->number;
    }
    auto preview = co_await services_.board->rollback_preview(target, number);
    if (!preview) co_return error(call, preview.error());
    for (json::value& line : (*preview)["lines"].as_array()) lines.push_back(std::move(line));
    o["changes"] = std::move((*preview)["difference"]);
    o["before"] = serving ? fmt::format("#{}, now", serving->number) : "";
    o["after"] = fmt::format("#{}, then", number);
  } else if (restores) {
    lines.emplace_back(fmt::format("#{} of build {} is to serve {} in {} again.", number,
                                   short_sha(stored->sha), target.project, target.environment));
    lines.emplace_back(serving_line(serving, target.environment));
    if (serving)
      lines.emplace_back(
          fmt::format("#{} goes on running and answers too, until it is zeroed: by you, or by what the "
                      "environment does with deploys that served before.",
                      serving->number));
  } else {
    lines.emplace_back(fmt::format("#{} is the one that serves: it answers the requests of {} in {} now.",
                                   number, target.project, target.environment));
    lines.emplace_back(action == deploy::Action::zero
                           ? "Zeroed, nothing answers them until it is restored or another one is deployed."
                           : "Deleted, nothing answers them until another one is deployed.");
  }
  o["title"] = fmt::format("{} #{} of {} in {}?", verb, number, target.project, target.environment);
  o["lines"] = std::move(lines);
  o["action"] = fmt::format("{}/{}", deploy_address(target, number), deploy::name(action));
  o["fields"] =
      hidden({{"after", after}, {"back", local_path(form["back"])}, {"serving", serving_now(target)}});
  o["ask_reason"] = true;
  o["reason"] = "";
  o["danger"] = takes_away;
  o["button"] = fmt::format("{} #{}{}", verb, number, takes_away ? ", though it serves" : "");
  o["back"] = form["back"].empty() ? deploy_address(target, number) : local_path(form["back"]);
  co_return co_await html(std::move(call), "confirm.html.j2", std::move(o));
}

}  // namespace lemmy::web
