#include <fmt/format.h>
#include <unistd.h>

#include "base/crypto.h"
#include "cli/command.h"
#include "cli/commands/dry_run.h"
#include "cli/explained.h"
#include "cli/follow.h"
#include "cli/table.h"

namespace lemmy::cli {
namespace {

constexpr const char* kDeployManual =
    R"(Deploys a build and waits until it is live, showing each step and the pods that are ready, or the task and the hosts. Standard error gets the
progress, standard output the outcome. Ctrl-C ends the waiting, not the deploy: `lemmy cancel` does that.
With --check nothing is deployed: on hosts the playbook runs with --check --diff, on pods the cluster is asked whether it
would take each object. It ends within a minute when nobody waits for it.
Exit codes: 0 live (with --no-wait: accepted; with --check: nothing speaks against it), 1 the deploy failed, or would
fail, and its cause was shown, 2 bad arguments,
3 not allowed, 4 no such project, environment or build, 5 refused as things are, 6 the server cannot be reached or
--timeout passed, 8 the deploy was cancelled or superseded.)";

struct DeployArguments {
  RemoteOptions remote;
  Target target;
  std::string build, reason, timeout = "1h";
  bool no_wait = false, yes = false, check = false;
};

// A protected environment asks people; programs were asked when somebody wrote them. Gives what served when
// it asked (0: nothing), or nullopt: nobody was asked.
Task<Result<std::optional<int64_t>>> confirm(std::shared_ptr<Remote> remote, DeployArguments a) {
  if (a.yes || !isatty(STDIN_FILENO)) co_return std::optional<int64_t>();
  auto project = co_await remote->get(project_path(a.target.project) + "?limit=1");
  if (!project) co_return fail(project.error());
  bool is_protected = false;
  for (const json::value& v : array_in(project->as_object(), "environments"))
    if (field(v.as_object(), "name") == a.target.environment)
      is_protected = bool_or(v.as_object(), "protected");
  if (!is_protected) co_return std::optional<int64_t>();
  json::object now;
  for (const json::value& v : array_in(object_in(project->as_object(), "project"), "targets"))
    if (field(v.as_object(), "environment") == a.target.environment) now = v.as_object();
  const json::object& current = object_in(now, "current");
  if (current.empty())
    fmt::print(stderr, "Nothing serves in {} now.\n", a.target.environment);
  else
    fmt::print(stderr, "#{} of build {} serves in {} now.\n", field(current, "number"),
               field(current, "short_sha"), a.target.environment);
  if (const std::string answers = field(object_in(now, "answers"), "text"); !answers.empty())
    fmt::print(stderr, "{}\n", answers);
  if (says_yes(fmt::format("{} is protected. Deploy build {} of {} to it?", a.target.environment, a.build,
                           a.target.project)))
    co_return std::optional(int_or(current, "number"));
  co_return fail(ErrorCode::cancelled, a.target.str(), "nothing was deployed");
}

Task<Result<int>> deploy(std::shared_ptr<Remote> remote, DeployArguments a) {
  auto limit = parse_duration(a.timeout);
  if (!limit) co_return fail(limit.error());
  if (a.check) co_return co_await dry_run(remote, a.target, a.build, *limit, a.remote.json());
  auto serving = co_await confirm(remote, a);
  if (!serving) co_return fail(serving.error());
  json::object body{{"build", a.build}};
  if (*serving) body["serving"] = **serving;
  if (!a.reason.empty()) body["reason"] = a.reason;
  net::Headers headers;
  headers.emplace("Idempotency-Key", "cli-" + random_hex(16));
  auto taken = co_await remote->post(target_path(a.target) + "/deploys", json::serialize(body), headers);
  if (!taken) co_return fail(taken.error());
  const json::object& d = taken->as_object();
  const int64_t number = int_or(d, "number");
  if (a.no_wait) {
    if (a.remote.json())
      print_json(*taken);
    else
      fmt::print("{} #{} of build {} is accepted: {}{}\n", a.target.str(), number, field(d, "short_sha"),
                 remote->server(), field(d, "url"));
    co_return 0;
  }
  fmt::print(stderr, "{} #{} of build {}: {}{}\n", a.target.str(), number, field(d, "short_sha"),
             remote->server(), field(d, "url"));
  if (field(d, "deployer") == "ansible")
    fmt::print(stderr, "the run's log: {}{}/log\n", remote->server(), deploy_path(a.target, number));
  co_return co_await follow_deploy(remote, {a.target, number, *limit, a.remote.json()});
}

}  // namespace

void add_deploy(CLI::App& app, Action& action) {
  auto* c = app.add_subcommand("deploy", "Deploy a build and wait until it is live");
  c->footer(kDeployManual);
  auto a = std::make_shared<DeployArguments>();
  c->add_option("PROJECT", a->target.project)->required();
  c->add_option("ENVIRONMENT", a->target.environment)->required();
  c->add_option("--build", a->build, "sha, or its first 7 digits or more")->required();
  c->add_option("--reason", a->reason, "for the history");
  c->add_flag("--no-wait", a->no_wait, "return once it is accepted");
  c->add_option("--timeout", a->timeout, "how long to wait")->capture_default_str();
  c->add_flag("--yes", a->yes, "do not ask before a protected environment");
  c->add_flag("--check", a->check, "a dry run: show what it would change, and change nothing");
  add_remote_options(*c, a->remote);
  c->callback([&action, a] {
    action = [a] { return run_remote(a->remote, [a](auto remote) { return deploy(remote, *a); }); };
  });
}

}  // namespace lemmy::cli
