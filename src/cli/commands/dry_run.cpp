// lemmy deploy --check: what a deploy would change.
#include <fmt/format.h>

#include "cli/commands/dry_run.h"
#include "cli/follow.h"
#include "cli/table.h"

namespace lemmy::cli {
namespace {

void show(const json::object& run) {
  const json::object& hosts = object_in(run, "hosts");
  for (const json::value& v : array_in(hosts, "hosts")) {
    const json::object& h = v.as_object();
    fmt::print("{}: {}{}{}\n", field(h, "name"), field(h, "state"), field(h, "message").empty() ? "" : ": ",
               field(h, "message"));
    const std::string_view diff = text_or(h, "diff");
    for (size_t at = 0; at < diff.size();) {
      const size_t end = std::min(diff.find('\n', at), diff.size());
      fmt::print("  {}\n", clean(diff.substr(at, end - at)));
      at = end + 1;
    }
  }
  for (const json::value& v : array_in(run, "objects")) {
    const json::object& o = v.as_object();
    const bool tried = !o.contains("tried") || bool_or(o, "tried");
    fmt::print("{} {}: {}{}\n", field(o, "kind"), field(o, "name"),
               !tried             ? "not tried: "
               : bool_or(o, "ok") ? "would be taken"
                                  : "would be refused: ",
               field(o, "what"));
    for (const json::value& w : array_in(o, "warnings"))
      if (w.is_string()) fmt::print("  the cluster warns: {}\n", clean(w.get_string()));
  }
}

int conclude(const json::value& run, const std::string& what, bool json) {
  const json::object& o = run.as_object();
  const std::string state = field(o, "state");
  if (json)
    print_json(run);
  else
    show(o);
  if (state == "passed") {
    if (!json) fmt::print("{}: nothing speaks against it; nothing was changed\n", what);
    return 0;
  }
  if (state == "cancelled") {
    fmt::print(stderr, "error: {} was cancelled: {}\n", what, field(o, "note"));
    return exit_code(ErrorCode::cancelled);
  }
  const json::object& cause = object_in(o, "cause");
  fmt::print(stderr, "error: {} would fail: {}\n", what, field(cause, "summary"));
  if (!field(cause, "hint").empty()) fmt::print(stderr, "  -> {}\n", field(cause, "hint"));
  return kDeployFailed;
}

}  // namespace

Task<Result<int>> dry_run(std::shared_ptr<Remote> remote, Target target, std::string build,
                          milliseconds at_most, bool json) {
  const json::object body{{"build", build}};
  const std::string all = target_path(target) + "/dry-runs";
  auto run = co_await remote->post(all, json::serialize(body), {});
  if (!run) co_return fail(run.error());
  const std::string id = field(run->as_object(), "id");
  const std::string what =
      fmt::format("dry run of build {} in {}", field(run->as_object(), "short_sha"), target.str());
  fmt::print(stderr, "{}: {}/projects/{}/environments/{}/dry-runs/{}\n", what, remote->server(),
             target.project, target.environment, id);
  const auto deadline = Clock::now() + at_most;
  std::string shown;
  while (!bool_or(run->as_object(), "finished")) {
    if (Clock::now() > deadline) {
      (void)co_await remote->post(all + "/" + id + "/cancel", "{}", {});
      co_return fail(ErrorCode::timeout, target.str(), "the dry run took too long, and is cancelled");
    }
    co_await sleep_for(kAskEvery);
    run = co_await remote->get(all + "/" + id);
    if (!run) co_return fail(run.error());
    const std::string task = field(object_in(run->as_object(), "hosts"), "task");
    if (!task.empty() && task != shown) fmt::print(stderr, "  {}\n", task);
    shown = task;
  }
  co_return conclude(*run, what, json);
}

}  // namespace lemmy::cli
