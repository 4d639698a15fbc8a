// What a deploy would change: asked for, shown, cancelled.
#include "deploy/dry_runs.h"
#include "domain/addresses.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "web/context.h"
#include "web/pages.h"

namespace lemmy::web {
namespace {

std::string dry_run_path(const Target& t, const std::string& id) {
  return fmt::format("{}/dry-runs/{}", target_address(t), id);
}

}  // namespace

Pages::Answer Pages::dry_run(route::Call call) {
  auto form = fields(call.request);
  if (!form) co_return error(call, form.error());
  const Target target = call.target();
  auto run = co_await services_.conductor->dry_runs().start(target, (*form)["build"], call.who.name);
  if (!run) co_return error(call, run.error());
  co_return see_other(dry_run_path(target, (*run)->id));
}

Pages::Answer Pages::cancel_dry_run(route::Call call) {
  const std::string id = call.param("run");
  auto done = services_.conductor->dry_runs().cancel(call.target(), id, "cancelled by " + call.who.name);
  if (!done) co_return error(call, done.error());
  co_return see_other(dry_run_path(call.target(), id));
}

Result<json::object> Pages::load_dry_run(const route::Call& call) const {
  const Target target = call.target();
  auto found = services_.conductor->dry_runs().look(target, call.param("run"));
  if (!found) return fail(found.error());
  json::object run = to_json(**found);
  run["url"] = dry_run_path(target, (*found)->id);
  if (json::value& hosts = run["hosts"]; hosts.is_object())
    for (json::value& host : hosts.get_object()["hosts"].as_array()) {
      json::object& o = host.as_object();
      o["lines"] = unified_lines(text_or(o, "diff"));
    }
  const config::Environment* e = call.config->environment(target.environment);
  const Deploy* latest = services_.conductor->latest(target);
  json::object out;
  out["run"] = std::move(run);
  out["protected"] = e && e->is_protected;
  out["after"] = latest ? latest->number : 0;
  return out;
}

}  // namespace lemmy::web
