// lemmy store check and migrate.
#include <fmt/format.h>

#include "cli/command.h"
#include "cli/records/progress.h"
#include "cli/records/work.h"
#include "cli/table.h"
#include "store/maintain.h"

namespace lemmy::cli {
namespace {

using namespace store;

// What a server and its pages ask: on Datastore an index may be missing for one of them.
Task<Result<>> ask_as_a_server(Store* s) {
  auto projects = co_await s->projects_with_builds();
  if (!projects) co_return fail(projects.error());
  const std::string project = projects->empty() ? "none" : projects->front();
  auto builds = co_await s->builds(project, {1, ""});
  if (!builds) co_return fail(builds.error());
  auto deliveries = co_await s->deliveries({1, ""});
  if (!deliveries) co_return fail(deliveries.error());
  auto latest = co_await s->latest_deploys();
  if (!latest) co_return fail(latest.error());
  const Target target = latest->empty() ? Target{project, "none"} : latest->front().target;
  auto deploys = co_await s->deploys(target, {1, ""});
  if (!deploys) co_return fail(deploys.error());
  auto events = co_await s->deploy_events(target, 1, 0, 1);
  if (!events) co_return fail(events.error());
  auto unsettled = co_await s->unsettled_deploys();
  if (!unsettled) co_return fail(unsettled.error());
  auto entries = co_await s->entries(kConsumer, "", {1, ""});
  if (!entries) co_return fail(entries.error());
  auto open = co_await s->unsettled_instances();
  if (!open) co_return fail(open.error());
  for (const Target& of :
       {Target{"", ""}, Target{target.project, ""}, Target{"", target.environment}, target}) {
    auto instances = co_await s->instances(of.project, of.environment, {1, ""});
    if (!instances) co_return fail(instances.error());
  }
  co_return Result<>{};
}

std::string schema_text(const About& about) {
  if (about.backend == "Datastore") return about.backend + ", which has no schema";
  return fmt::format("{}, schema {} of {}", about.backend, about.schema, about.newest);
}

}  // namespace

Task<Result<int>> check_store(asio::any_io_executor loop, std::string url, bool as_json) {
  auto about = co_await look_at(loop, url, true);
  if (!about) co_return fail(about.error());
  if (!as_json) fmt::print("{}: {}\n", shown(url), schema_text(*about));
  if (about->schema == 0)
    co_return fail(ErrorCode::not_found, shown(url), "nothing of Lemmy is there yet",
                   "a server makes it when it starts, or lemmy store migrate");
  if (about->schema < about->newest)
    co_return fail(ErrorCode::conflict, shown(url), "it has an older schema, so its records were not read",
                   "lemmy store migrate " + shown(url) + ", or start a server on it");
  auto opened = co_await open_for_reading(loop, url, Reading::beside);
  if (!opened) co_return fail(opened.error());
  Store* s = opened->get();
  auto begun = co_await unfinished_load(s);
  if (!begun) co_return fail(begun.error());
  auto found = co_await read_shown(s, "reading", {}, std::nullopt);
  if (!found) co_return fail(found.error());
  auto asked = co_await ask_as_a_server(s);
  if (!asked) co_return fail(asked.error());
  Table table({"", "COUNT", "CONTENT"});
  json::object kinds;
  for (const auto& [kind, tally] : *found) {
    table.add({std::string(plural(kind)), std::to_string(tally.count()), tally.hash().substr(0, 16)});
    kinds[plural(kind)] = json::object{{"count", tally.count()}, {"content", tally.hash()}};
  }
  if (!as_json) table.print();
  if (!begun->empty())
    co_return fail(ErrorCode::conflict, shown(url), "only a part of it is there: this did not end: " + *begun,
                   "run it again until it ends; servers do not start on this store");
  if (as_json)
    print_json(json::object{{"store", shown(url)},
                            {"backend", about->backend},
                            {"schema", about->schema},
                            {"newest_schema", about->newest},
                            {"sound", true},
                            {"kinds", std::move(kinds)}});
  else
    fmt::print("sound\n");
  co_return 0;
}

Task<Result<int>> migrate_store(asio::any_io_executor loop, std::string url) {
  auto before = co_await look_at(loop, url, false);
  if (!before) co_return fail(before.error());
  if (before->schema == before->newest) {
    fmt::print("{}: {}: there is nothing to do\n", shown(url), schema_text(*before));
    co_return 0;
  }
  auto opened = co_await open_store(loop, url);
  if (!opened) co_return fail(opened.error());
  opened->reset();
  auto after = co_await look_at(loop, url, false);
  if (!after) co_return fail(after.error());
  fmt::print("{}: from schema {} to {}\n", shown(url), before->schema, after->schema);
  co_return 0;
}

}  // namespace lemmy::cli
