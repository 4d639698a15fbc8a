#include <fmt/format.h>

#include "cli/command.h"
#include "cli/drift_shown.h"
#include "cli/explained.h"
#include "cli/hosts_shown.h"
#include "cli/remote.h"
#include "cli/table.h"

namespace lemmy::cli {
namespace {

constexpr const char* kStatusManual =
    R"(Without arguments what runs where; with a project its environments; with an environment its deploys and the pods
or hosts of the newest; with a number that deploy, and why it failed: the cause, a sample of the pods that fail alike with its
log, and what differs from the last good deploy. The health is ok, busy, bad, zeroed, none or unknown (the cluster cannot be seen).
#3* is the deploy that serves; PODS is "running, out" when its pods run and are kept from requests; POSSIBLE names the
commands that make sense for it now (lemmy zero, delete, restore, rollback, cancel, accept). Clusters that cannot be seen, problems
of the configuration, and what has Lemmy's labels and nobody who looks after it are told on standard error, without arguments.
Exit codes: 0 whatever the health, 3 not allowed, 4 no such project or environment, 6 the server cannot be reached.)";

struct StatusArguments {
  RemoteOptions remote;
  Target target;
  int limit = 10;
  int64_t number = 0;
  bool failing = false;
};

std::string health_text(const json::object& target) {
  std::string text = field(target, "health_text");
  if (int_or(target, "drift") > 0) text += "; drift";
  return bool_or(target, "configured", true) ? text : text + "; it is not in the configuration any more";
}

void add_row(Table& table, const std::string& project, const json::object& target) {
  const json::object& current = object_in(target, "current");
  const bool runs = !current.empty();
  table.add({project, field(target, "environment"), field(target, "health"),
             runs ? field(current, "short_sha") : "-", runs ? "#" + field(current, "number") : "-",
             runs ? field(current, "ready") + "/" + field(current, "wanted_pods") : "-",
             runs ? field(current, "age") : "-", health_text(target)});
}

void print_targets(const json::array& projects, bool failing) {
  Table table({"PROJECT", "ENVIRONMENT", "HEALTH", "BUILD", "DEPLOY", "READY", "AGE", ""});
  for (const json::value& p : projects)
    for (const json::value& t : array_in(p.as_object(), "targets")) {
      const json::object& target = t.as_object();
      const bool something = bool_or(target, "configured") || !object_in(target, "latest").empty();
      const std::string health = field(target, "health");
      if (something && (!failing || health == "bad" || health == "unknown"))
        add_row(table, field(p.as_object(), "name"), target);
    }
  if (table.empty() && failing)
    fmt::print("nothing is failing\n");
  else if (table.empty())
    fmt::print("there are no projects yet: the configuration's projects/ folder is where they go\n");
  else
    table.print();
}

std::string joined(const json::array& names) {
  std::string out;
  for (const json::value& v : names)
    if (v.is_string()) out += (out.empty() ? "" : " ") + clean(v.get_string());
  return out;
}

void print_deploys(const json::array& deploys) {
  const bool hosts = std::ranges::all_of(
      deploys, [](const json::value& v) { return field(v.as_object(), "deployer") == "ansible"; });
  Table table(
      {"DEPLOY", "PHASE", "BUILD", "BRANCH", hosts ? "HOSTS" : "PODS", "READY", "WHO", "AGE", "POSSIBLE"});
  for (const json::value& v : deploys) {
    const json::object& d = v.as_object();
    const bool serving = bool_or(d, "serving");
    table.add({"#" + field(d, "number") + (serving ? "*" : ""), field(d, "phase"), field(d, "short_sha"),
               field(d, "branch"),
               field(d, "presence") == "running" && int_or(d, "out_by") != 0 ? "running, out"
                                                                             : field(d, "presence"),
               field(d, "ready") + "/" + field(d, "wanted_pods"), field(d, "who"), field(d, "age"),
               joined(array_in(d, "actions"))});
  }
  table.print();
}

void print_deploy(const json::object& status, const json::value& failure, bool with_logs) {
  const json::object& d = object_in(status, "deploy");
  const json::object& cause = object_in(status, "cause");
  fmt::print("\n#{}: {}{}{}\n", field(d, "number"), field(d, "title"), field(d, "note").empty() ? "" : ", ",
             field(d, "note"));
  if (failure.is_object()) {
    print_failure(stdout, failure.get_object(), with_logs);
    fmt::print("\n");
  } else {
    if (!cause.empty()) fmt::print("cause: {}\n", field(cause, "summary"));
    if (!field(cause, "hint").empty()) fmt::print("  -> {}\n", field(cause, "hint"));
  }
  if (const json::object& answers = object_in(status, "answers"); !answers.empty())
    fmt::print("{}\n", field(answers, "text"));
  if (const json::object& cluster = object_in(status, "cluster"); !bool_or(cluster, "ok", true))
    fmt::print("{}: what follows may be old\n", field(cluster, "trouble"));
  if (field(status, "health") == "bad") fmt::print("{}\n", field(status, "health_text"));
  print_drift_seen(object_in(status, "drift"));
  if (bool_or(d, "recovered"))
    fmt::print(
        "All pods of #{0} are ready by now: accept makes it the one that serves; zero it if it is not "
        "wanted.\n",
        int_or(d, "number"));
  if (int_or(d, "out_by") != 0 && field(d, "presence") == "running")
    fmt::print("The pods of #{} are kept from requests.\n", int_or(d, "number"));
  Table pods({"POD", "STATUS", "READY", "RESTARTS", "NODE", "AGE", ""});
  for (const json::value& v : array_in(status, "pods")) {
    const json::object& p = v.as_object();
    pods.add({field(p, "name"), field(p, "status"), field(p, "ready"), field(p, "restarts"), field(p, "node"),
              field(p, "age"), field(p, "note")});
  }
  if (!pods.empty()) pods.print();
  const json::object& hosts = object_in(status, "hosts");
  if (const std::string run = run_line(hosts); !run.empty()) fmt::print("{}\n", run);
  print_hosts(stdout, hosts);
}

void keep_failing(json::object& project) {
  json::array kept;
  for (const json::value& t : array_in(project, "targets"))
    if (const std::string health = field(t.as_object(), "health"); health == "bad" || health == "unknown")
      kept.push_back(t);
  project["targets"] = std::move(kept);
}

// What hinders more than one target.
void print_troubles(const json::object& state) {
  for (const json::value& v : array_in(state, "clusters")) {
    const json::object& cluster = v.as_object();
    if (!bool_or(cluster, "ok", true))
      fmt::print(stderr, "cluster {} cannot be seen: {}\n", field(cluster, "name"),
                 field(cluster, "trouble"));
    for (const json::value& right : array_in(cluster, "missing_rights"))
      if (right.is_string())
        fmt::print(stderr, "cluster {}: {}\n", field(cluster, "name"), clean(right.get_string()));
  }
  for (const json::value& v : array_in(state, "configuration")) {
    const json::object& p = v.as_object();
    const std::string hint = field(p, "hint");
    fmt::print(stderr, "configuration, {}: {}{}\n", field(p, "where"), field(p, "what"),
               hint.empty() ? "" : " (" + hint + ")");
  }
}

Task<Result<int>> overview(std::shared_ptr<Remote> remote, StatusArguments a) {
  auto all = co_await remote->get("/api/v1/projects");
  if (!all) co_return fail(all.error());
  if (a.remote.json()) {
    if (a.failing) {
      json::array kept;
      for (const json::value& p : array_in(all->as_object(), "projects")) {
        json::object one = p.as_object();
        keep_failing(one);
        if (!one["targets"].as_array().empty()) kept.emplace_back(std::move(one));
      }
      all->as_object()["projects"] = std::move(kept);
    }
    print_json(*all);
    co_return 0;
  }
  print_targets(array_in(all->as_object(), "projects"), a.failing);
  // A server that is not ready says so in its pages' health.
  if (auto state = co_await remote->get("/readyz"); state && state->is_object())
    print_troubles(state->get_object());
  auto strays = co_await remote->get("/api/v1/strays");
  if (!strays || !strays->is_object()) co_return 0;  // a server of before, or not for the caller
  for (const json::value& v : array_in(strays->as_object(), "items"))
    if (v.is_object()) fmt::print(stderr, "nobody looks after {}\n", field(v.get_object(), "text"));
  co_return 0;
}

Task<Result<int>> project(std::shared_ptr<Remote> remote, StatusArguments a) {
  auto one = co_await remote->get(fmt::format("{}?limit={}", project_path(a.target.project), a.limit));
  if (!one) co_return fail(one.error());
  if (json::value* p = one->as_object().if_contains("project"); p && p->is_object() && a.failing)
    keep_failing(p->get_object());
  if (a.remote.json())
    print_json(*one);
  else
    print_targets({object_in(one->as_object(), "project")}, a.failing);
  co_return 0;
}

// With "failure": null when it goes well, or the server is an older one.
Task<Result<json::object>> read_deploy(std::shared_ptr<Remote> remote, Target target, int64_t number) {
  auto status = co_await remote->get(deploy_path(target, number));
  if (!status) co_return fail(status.error());
  json::object out = std::move(status->as_object());
  auto failure = co_await remote->get(deploy_path(target, number) + "/failure");
  if (!failure && failure.error().code != ErrorCode::not_found) co_return fail(failure.error());
  out["failure"] = failure ? std::move(*failure) : json::value();
  co_return out;
}

Task<Result<int>> deploy(std::shared_ptr<Remote> remote, StatusArguments a) {
  auto status = co_await read_deploy(remote, a.target, a.number);
  if (!status) co_return fail(status.error());
  if (a.remote.json()) {
    print_json(*status);
    co_return 0;
  }
  print_deploys({object_in(*status, "deploy")});
  print_deploy(*status, status->at("failure"), true);
  co_return 0;
}

Task<Result<int>> environment(std::shared_ptr<Remote> remote, StatusArguments a) {
  auto state = co_await remote->get(target_path(a.target));
  if (!state) co_return fail(state.error());
  auto deploys = co_await remote->get(fmt::format("{}/deploys?limit={}", target_path(a.target), a.limit));
  if (!deploys) co_return fail(deploys.error());
  const json::array& list = array_in(deploys->as_object(), "deploys");
  json::value newest;
  if (!list.empty()) {
    auto status = co_await read_deploy(remote, a.target, int_or(list[0].as_object(), "number"));
    if (!status) co_return fail(status.error());
    newest = std::move(*status);
  }
  if (a.remote.json()) {
    json::object out = state->as_object();
    out["deploys"] = list;
    out["newest"] = newest;
    print_json(out);
    co_return 0;
  }
  const json::object& target = state->as_object();
  fmt::print("{}: {}, {}\n", a.target.str(), field(target, "health"), health_text(target));
  if (list.empty()) co_return 0;
  print_deploys(list);
  if (!newest.is_object()) co_return 0;
  print_deploy(newest.get_object(), newest.get_object().at("failure"), false);
  const int64_t serves = int_or(object_in(target, "current"), "number");
  if (int_or(target, "drift") > 0 && serves != int_or(object_in(newest.get_object(), "deploy"), "number"))
    fmt::print("\n#{} serves, and in the cluster not all is as it was applied: lemmy status {} {} {}\n",
               serves, a.target.project, a.target.environment, serves);
  co_return 0;
}

Task<Result<int>> status(std::shared_ptr<Remote> remote, StatusArguments a) {
  if (a.target.project.empty()) return overview(remote, std::move(a));
  if (a.target.environment.empty()) return project(remote, std::move(a));
  if (a.number == 0) return environment(remote, std::move(a));
  return deploy(remote, std::move(a));
}

}  // namespace

void add_status(CLI::App& app, Action& action) {
  auto* c = app.add_subcommand("status", "Show what runs where");
  c->footer(kStatusManual);
  auto a = std::make_shared<StatusArguments>();
  c->add_option("PROJECT", a->target.project);
  c->add_option("ENVIRONMENT", a->target.environment);
  c->add_option("NUMBER", a->number, "of a deploy")->check(number_from_1());
  c->add_option("--limit", a->limit, "how many deploys of an environment")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  c->add_flag("--failing", a->failing, "of what runs where only what is bad, or cannot be seen");
  add_remote_options(*c, a->remote);
  c->callback([&action, a] {
    action = [a] { return run_remote(a->remote, [a](auto remote) { return status(remote, *a); }); };
  });
}

}  // namespace lemmy::cli
