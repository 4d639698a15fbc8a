// Questions before what cannot be taken back, each on a page of its own.
#include <fmt/format.h>

#include "base/strings.h"
#include "domain/addresses.h"
#include "domain/names.h"
#include "web/context.h"
#include "web/pages.h"

namespace lemmy::web {
namespace {

constexpr size_t kReasonBytes = 500;

void add_answers(json::array& lines, const json::value& answers) {
  if (answers.is_object()) lines.emplace_back(answers.get_object().at("text"));
}

void add(json::array& lines, std::vector<std::string> more) {
  for (std::string& line : more) lines.emplace_back(std::move(line));
}

// It outlives a wait.
std::optional<Deploy> copy_of(const Deploy* d) { return d ? std::optional(*d) : std::nullopt; }

std::string serving_line(const std::optional<Deploy>& serving, const std::string& environment) {
  return serving ? fmt::format("#{} of build {} serves in {} now.", serving->number, short_sha(serving->sha),
                               environment)
                 : fmt::format("Nothing serves in {} now.", environment);
}

}  // namespace

Pages::Answer Pages::confirm_deploy(route::Call call, Form form, json::array meanwhile) const {
  const Target target = call.target();
  auto build = co_await services_.store->build(target.project, form["build"]);
  if (!build) co_return error(call, build.error());
  json::array lines;
  const config::Environment* environment = call.config->environment(target.environment);
  if (environment && environment->is_protected)
    lines.emplace_back(fmt::format("{} is a protected environment.", target.environment));
  std::string what = fmt::format("Build {} of branch {}", short_sha(build->sha), build->branch);
  if (!build->author.empty()) what += " by " + build->author;
  if (!build->message.empty()) what += ": " + std::string(split(build->message, '\n').front());
  lines.emplace_back(what);
  lines.emplace_back(serving_line(copy_of(services_.conductor->current(target)), target.environment));
  add_answers(lines, services_.board->answers(target));
  add(lines, services_.board->under_way(target, true));
  json::object o = context(call);
  o["title"] = fmt::format("Deploy {} to {}?", target.project, target.environment);
  o["lines"] = std::move(lines);
  o["changes"] = nullptr;
  o["action"] = target_address(target) + "/deploys";
  o["fields"] =
      hidden({{"build", build->sha}, {"after", newest_now(target)}, {"serving", serving_now(target)}});
  o["meanwhile"] = std::move(meanwhile);
  o["dry_run"] = target_address(target) + "/dry-runs";
  o["ask_reason"] = true;
  o["reason"] = shorten(valid_utf8(form["reason"]), kReasonBytes);
  o["danger"] = false;
  o["button"] = fmt::format("Deploy {} to {}", short_sha(build->sha), target.environment);
  o["back"] = "/projects/" + target.project;
  co_return co_await html(std::move(call), "confirm.html.j2", std::move(o));
}

Pages::Answer Pages::confirm_act(route::Call call, Form form, json::array meanwhile, int64_t number,
                                 deploy::Action action) const {
  const Target target = call.target();
  // Of the moment that the question speaks of: what changes while it is drawn is asked about again.
  const std::string serving_then = serving_now(target), newest_then = newest_now(target);
  const std::string then = then_serves(target, number);
  const std::optional<Deploy> serving = copy_of(services_.conductor->current(target));
  auto stored = co_await services_.store->deploy(target, number);
  if (!stored) co_return error(call, stored.error());
  const bool rolls_back = action == deploy::Action::rollback;
  const bool restores = action == deploy::Action::restore;
  const bool accepts = action == deploy::Action::accept;
  const bool takes_away = !rolls_back && !restores && !accepts;
  const std::string verb = rolls_back                       ? "Roll back to"
                           : restores                       ? "Restore"
                           : accepts                        ? "Accept"
                           : action == deploy::Action::zero ? "Zero"
                                                            : "Delete";

  json::array lines;
  json::object o = context(call);
  o["changes"] = nullptr;
  if (rolls_back) {
    const bool hosts = stored->deployer == Deployer::ansible;
    lines.emplace_back(fmt::format("{}, as a new deploy of build {}.",
                                   hosts ? "Its playbook runs again with the configuration that it had"
                                         : "Its stored manifests are applied again",
                                   short_sha(stored->sha)));
    lines.emplace_back(serving_line(serving, target.environment));
    add_answers(lines, services_.board->answers(target));
    auto preview = co_await services_.board->rollback_preview(target, number);
    if (!preview) co_return error(call, preview.error());
    std::vector<std::string> taken;
    for (const json::value& n : (*preview)["takes_out"].as_array())
      taken.push_back(fmt::format("#{}", n.as_int64()));
    o["at_once"] = join_and(taken);
    for (json::value& line : (*preview)["lines"].as_array()) lines.push_back(std::move(line));
    o["changes"] = std::move((*preview)["difference"]);
    o["before"] = serving ? fmt::format("#{}, now", serving->number) : "";
    o["after"] = fmt::format("#{}, then", number);
  } else if (restores || accepts) {
    lines.emplace_back(fmt::format("#{} of build {} is to serve {} in {}{}", number, short_sha(stored->sha),
                                   target.project, target.environment,
                                   accepts ? ": it failed, and all its pods are ready by now." : " again."));
    if (accepts && stored->cause) lines.emplace_back("It failed because of: " + stored->cause->summary);
    lines.emplace_back(serving_line(serving, target.environment));
    add_answers(lines, services_.board->answers(target));
    add(lines, services_.board->under_way(target, false));
    add(lines, services_.board->if_it_serves(target, number));
  } else {
    add(lines, services_.board->if_taken_away(target, number, action == deploy::Action::remove));
  }
  o["title"] = fmt::format("{} #{} of {} in {}?", verb, number, target.project, target.environment);
  o["lines"] = std::move(lines);
  o["action"] = fmt::format("{}/{}", deploy_address(target, number), deploy::name(action));
  o["fields"] = hidden({{"after", newest_then},
                        {"back", local_path(form["back"])},
                        {"serving", serving_then},
                        {"then", takes_away ? then : ""}});
  o["ask_reason"] = true;
  o["reason"] = shorten(valid_utf8(form["reason"]), kReasonBytes);
  o["meanwhile"] = std::move(meanwhile);
  o["danger"] = takes_away;
  const bool serves = serving && serving->number == number;
  const bool alone = takes_away && !serves && services_.conductor->answers_alone(*stored);
  o["button"] = fmt::format("{} #{}{}", verb, number,
                            takes_away && serves ? ", though it serves"
                            : alone              ? ", though nothing else answers"
                                                 : "");
  o["back"] = form["back"].empty() ? deploy_address(target, number) : local_path(form["back"]);
  co_return co_await html(std::move(call), "confirm.html.j2", std::move(o));
}

}  // namespace lemmy::web
