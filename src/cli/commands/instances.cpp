#include <fmt/format.h>

#include "cli/command.h"
#include "cli/remote.h"
#include "cli/table.h"

namespace lemmy::cli {
namespace {

constexpr const char* kInstancesManual =
    R"(Lists hosts that booted and asked for their build (POST /hooks/instance), newest call first: what each asked for,
what it got, and why not. --run-again ID runs the playbook on one of them once more, as if it had called again;
--forget ID lets go of one whose machine is no more: it is not waited for, and not listed until it calls again.
Exit codes: 0, 2 bad arguments, 3 not allowed, 4 no such instance, 6 the server cannot be reached.)";

struct InstancesArguments {
  RemoteOptions remote;
  std::string project, environment, after, run_again, forget, state;
  int limit = 50;
};

Task<Result<int>> list(std::shared_ptr<Remote> remote, InstancesArguments a) {
  auto page = co_await remote->get(
      fmt::format("/api/v1/instances?limit={}&project={}&environment={}&state={}&after={}", a.limit,
                  net::percent_encode(a.project), net::percent_encode(a.environment), a.state,
                  net::percent_encode(a.after)));
  if (!page) co_return fail(page.error());
  if (a.remote.json()) {
    print_json(*page);
    co_return 0;
  }
  const json::object& o = page->as_object();
  Table table({"INSTANCE", "TARGET", "ASKED", "STATE", "BUILD", "DEPLOY", "WHY"});
  for (const json::value& v : array_in(o, "instances")) {
    const json::object& i = v.as_object();
    const int64_t deploy = int_or(i, "deploy");
    table.add({field(i, "instance_id"), field(i, "project") + "/" + field(i, "environment"),
               field(i, "age") + " ago", field(i, "state_text"), field(i, "short_sha"),
               deploy > 0 ? fmt::format("#{}", deploy) : "", field(i, "why")});
  }
  if (table.empty())
    fmt::print("{}\n", a.state.empty() ? "no host has asked for its build yet" : "none is " + a.state);
  else
    table.print();
  if (!field(o, "next").empty()) fmt::print("older ones: --after '{}'\n", clean(field(o, "next")));
  co_return 0;
}

Task<Result<int>> act_on_one(std::shared_ptr<Remote> remote, InstancesArguments a) {
  const bool runs = !a.run_again.empty();
  const std::string id = runs ? a.run_again : a.forget, option = runs ? "--run-again" : "--forget";
  if (a.project.empty() || a.environment.empty())
    co_return fail(ErrorCode::invalid, "PROJECT ENVIRONMENT", "both are needed with " + option,
                   "lemmy instances PROJECT ENVIRONMENT " + option + " ID");
  auto answer = co_await remote->post(
      target_path({a.project, a.environment}) + (runs ? "/instances/run" : "/instances/forget"),
      json::serialize(json::object{{"instance_id", id}}), {});
  if (!answer) co_return fail(answer.error());
  if (a.remote.json())
    print_json(*answer);
  else
    fmt::print("{} is {}\n", clean(id), runs ? "in line" : "let go of");
  co_return 0;
}

}  // namespace

void add_instances(CLI::App& app, Action& action) {
  auto* c = app.add_subcommand("instances", "List hosts that asked for their build");
  c->footer(kInstancesManual);
  auto a = std::make_shared<InstancesArguments>();
  c->add_option("project", a->project, "only of this project");
  c->add_option("environment", a->environment, "only of this environment");
  c->add_option("--limit", a->limit)->check(CLI::Range(1, 1000))->capture_default_str();
  c->add_option("--after", a->after, "goes on after the page that said so");
  c->add_option("--state", a->state, "only of this state; without it all but those that are gone")
      ->check(CLI::IsMember({"waiting", "unknown", "running", "converged", "failed", "gone"}));
  auto* again = c->add_option("--run-again", a->run_again, "id of an instance");
  c->add_option("--forget", a->forget, "id of an instance whose machine is no more")->excludes(again);
  add_remote_options(*c, a->remote);
  c->callback([&action, a] {
    action = [a] {
      return run_remote(a->remote, [a](auto remote) {
        return a->run_again.empty() && a->forget.empty() ? list(remote, *a) : act_on_one(remote, *a);
      });
    };
  });
}

}  // namespace lemmy::cli
