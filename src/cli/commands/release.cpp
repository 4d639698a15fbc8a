#include <fmt/format.h>
#include <unistd.h>

#include "base/crypto.h"
#include "cli/command.h"
#include "cli/explained.h"
#include "cli/follow.h"
#include "cli/table.h"

namespace lemmy::cli {
namespace {

constexpr const char* kReleaseManual =
    R"(Deploys one build to several environments together, on pods and on hosts, and waits until all have ended:
  lemmy release PROJECT BUILD ENVIRONMENT...
  lemmy release rollback PROJECT RELEASE     every environment goes back to what ran before, as a new release
Nothing is asked for unless all of it can be. Ctrl-C ends the waiting, not the deploys.
Exit codes: 0 live everywhere (with --no-wait: accepted), 1 a deploy failed, 2 bad arguments, 3 not allowed, 4 no such
project, environment, build or release, 5 refused as things are, such as a roll back that not all can do (--partial),
6 the server cannot be reached or --timeout passed, 8 some were cancelled or superseded and none failed.)";

constexpr seconds kPatience{60};  // how long a server may stay away

struct ReleaseArguments {
  RemoteOptions remote;
  std::string project, build, release, reason, timeout = "1h";
  std::vector<std::string> environments;
  bool no_wait = false, yes = false, partial = false;
};

// A protected environment asks people; programs were asked when somebody wrote them.
Task<Result<>> confirm(std::shared_ptr<Remote> remote, ReleaseArguments a) {
  if (a.yes || !isatty(STDIN_FILENO)) co_return Result<>{};
  auto project = co_await remote->get(project_path(a.project) + "?limit=1");
  if (!project) co_return fail(project.error());
  std::string names;
  for (const json::value& v : array_in(project->as_object(), "environments")) {
    const std::string name = field(v.as_object(), "name");
    const bool asked = std::find(a.environments.begin(), a.environments.end(), name) != a.environments.end();
    if (asked && bool_or(v.as_object(), "protected")) names += (names.empty() ? "" : ", ") + name;
  }
  if (names.empty()) co_return Result<>{};
  if (says_yes(fmt::format("Protected: {}. Release build {} of {}?", names, a.build, a.project)))
    co_return Result<>{};
  co_return fail(ErrorCode::cancelled, a.project, "nothing was released");
}

std::string line_of(const json::object& d) {
  std::string line =
      fmt::format("{} #{}: {}", field(d, "environment"), field(d, "number"), field(d, "title"));
  const std::string note = field(d, "note"), cause = field(object_in(d, "cause"), "summary");
  const bool finished = bool_or(d, "finished");
  if (!finished && !note.empty()) line += ", " + note;
  if (field(d, "phase") == "live") line += fmt::format(", {}/{}", field(d, "ready"), field(d, "wanted_pods"));
  if (!cause.empty()) line += ": " + cause;
  return line;
}

void show_progress(const json::object& release, std::map<std::string, std::string>& shown) {
  for (const json::value& v : array_in(release, "deploys")) {
    const json::object& d = v.as_object();
    std::string line = line_of(d);
    std::string& before = shown[field(d, "environment")];
    if (line != before) fmt::print(stderr, "{}\n", line);
    before = std::move(line);
  }
}

int conclude(const json::value& release, bool json) {
  const json::object& r = object_in(release.as_object(), "release");
  const std::string state = field(r, "state");
  const std::string what =
      fmt::format("release {} of {} build {}", field(r, "id"), field(r, "project"), field(r, "short_sha"));
  if (json) print_json(release);
  if (state == "live") {
    if (!json) fmt::print("{} is {}\n", what, field(r, "title"));
    return 0;
  }
  fmt::print(stderr, "error: {}: {}\n", what, field(r, "title"));
  return state == "failed" ? kDeployFailed : exit_code(ErrorCode::cancelled);
}

Task<Result<int>> follow(std::shared_ptr<Remote> remote, ReleaseArguments a, json::value release,
                         milliseconds at_most) {
  const json::object r = object_in(release.as_object(), "release");
  const std::string path = project_path(a.project) + "/releases/" + field(r, "id");
  fmt::print(stderr, "release {}: {}{}\n", field(r, "id"), remote->server(), field(r, "url"));
  const Interrupted interrupted(co_await asio::this_coro::executor,
                                "its deploys go on; see: lemmy status " + a.project);
  const auto deadline = Clock::now() + at_most;
  auto contact = Clock::now();
  std::map<std::string, std::string> shown;
  for (;;) {
    show_progress(release.as_object(), shown);
    if (bool_or(object_in(release.as_object(), "release"), "finished"))
      co_return conclude(release, a.remote.json());
    if (Clock::now() > deadline)
      co_return fail(ErrorCode::timeout, "release " + field(r, "id"), "not all of it has ended",
                     "its deploys go on; see: lemmy status " + a.project);
    co_await sleep_for(kAskEvery);
    auto fresh = co_await remote->get(path);
    if (fresh) {
      contact = Clock::now();
      release = std::move(*fresh);
      continue;
    }
    const ErrorCode code = fresh.error().code;
    const bool away = code == ErrorCode::unavailable || code == ErrorCode::timeout;
    if (!away || Clock::now() - contact > kPatience) co_return fail(fresh.error());
  }
}

Task<Result<int>> ask(std::shared_ptr<Remote> remote, ReleaseArguments a) {
  auto limit = parse_duration(a.timeout);
  if (!limit) co_return fail(limit.error());
  const bool back = !a.release.empty();
  json::object body;
  if (!a.reason.empty()) body["reason"] = a.reason;
  std::string path = project_path(a.project) + "/releases";
  if (back) {
    path += "/" + net::percent_encode(a.release) + "/rollback";
    if (a.partial) body["partial"] = true;
  } else {
    if (a.project.empty() || a.build.empty() || a.environments.empty())
      co_return fail(ErrorCode::invalid, "release", "a project, a build and its environments are needed",
                     "lemmy release PROJECT BUILD ENVIRONMENT...");
    if (auto ok = co_await confirm(remote, a); !ok) co_return fail(ok.error());
    body["build"] = a.build;
    json::array names;
    for (const std::string& e : a.environments) names.emplace_back(e);
    body["environments"] = std::move(names);
  }
  net::Headers headers;
  headers.emplace("Idempotency-Key", "cli-" + random_hex(16));
  auto taken = co_await remote->post(path, json::serialize(body), headers);
  if (!taken) {
    Error e = taken.error();
    if (e.hint.starts_with("with partial")) e.hint = "with --partial the others are rolled back all the same";
    co_return fail(std::move(e));
  }
  if (!a.no_wait) co_return co_await follow(remote, a, std::move(*taken), *limit);
  const json::object& r = object_in(taken->as_object(), "release");
  if (a.remote.json())
    print_json(*taken);
  else
    fmt::print("release {} is accepted: {}{}\n", field(r, "id"), remote->server(), field(r, "url"));
  co_return 0;
}

void add_common(CLI::App& c, ReleaseArguments& a) {
  c.add_option("--reason", a.reason, "for the history");
  c.add_flag("--no-wait", a.no_wait, "return once it is accepted");
  c.add_option("--timeout", a.timeout, "how long to wait")->capture_default_str();
  add_remote_options(c, a.remote);
}

}  // namespace

void add_release(CLI::App& app, Action& action) {
  auto* c = app.add_subcommand("release", "Deploy a build to several environments together");
  c->footer(kReleaseManual);
  auto a = std::make_shared<ReleaseArguments>();
  // Not marked as required: `release rollback` has none of them.
  c->add_option("PROJECT", a->project);
  c->add_option("BUILD", a->build, "sha, or its first 7 digits or more");
  c->add_option("ENVIRONMENT", a->environments);
  c->add_flag("--yes", a->yes, "do not ask before protected environments");
  add_common(*c, *a);
  auto set = [&action](std::shared_ptr<ReleaseArguments> chosen) {
    action = [chosen] { return run_remote(chosen->remote, [chosen](auto r) { return ask(r, *chosen); }); };
  };
  auto* back = c->add_subcommand("rollback", "Roll a release back, in all its environments together");
  back->footer(kReleaseManual);
  auto b = std::make_shared<ReleaseArguments>();
  back->add_option("PROJECT", b->project)->required();
  back->add_option("RELEASE", b->release, "its id")->required();
  back->add_flag("--partial", b->partial, "also when some environments cannot go back");
  add_common(*back, *b);
  c->callback([set, a, b, back] { set(back->parsed() ? b : a); });
}

}  // namespace lemmy::cli
