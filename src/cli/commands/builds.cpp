#include <fmt/format.h>

#include "base/strings.h"
#include "cli/command.h"
#include "cli/remote.h"
#include "cli/table.h"

namespace lemmy::cli {
namespace {

constexpr const char* kBuildsManual =
    R"(Lists the builds of a project, newest first, and where each is deployed: an asterisk marks the one that serves.
Exit codes: 0, 3 not allowed, 4 no such project, 6 the server cannot be reached.)";

struct BuildsArguments {
  RemoteOptions remote;
  std::string project, after;
  int limit = 20;
};

std::string places(const json::object& targets) {
  std::string out;
  for (const auto& [environment, v] : targets) {
    const json::object& t = v.as_object();
    out += fmt::format("{}{}{} #{}", out.empty() ? "" : ", ", clean(environment),
                       bool_or(t, "serving") ? "*" : "", field(t, "number"));
  }
  return out;
}

constexpr size_t kMessage = 72;  // bytes of it; --output json has it whole

Task<Result<int>> builds(std::shared_ptr<Remote> remote, BuildsArguments a) {
  auto page = co_await remote->get(fmt::format("{}/builds?limit={}&after={}", project_path(a.project),
                                               a.limit, net::percent_encode(a.after)));
  if (!page) co_return fail(page.error());
  if (a.remote.json()) {
    print_json(*page);
    co_return 0;
  }
  const json::object& o = page->as_object();
  Table table({"BUILD", "BRANCH", "AGE", "AUTHOR", "DEPLOYED TO", "MESSAGE"});
  for (const json::value& v : array_in(o, "builds")) {
    const json::object& b = v.as_object();
    const std::string message(text_or(b, "message"));
    table.add({field(b, "short_sha"), field(b, "branch"), field(b, "age"), field(b, "author"),
               places(object_in(b, "targets")),
               shorten(clean(message.substr(0, message.find('\n'))), kMessage)});
  }
  if (table.empty())
    fmt::print("{} has no builds yet: POST /hooks/build or `lemmy hook build` announces one\n", a.project);
  else
    table.print();
  if (!field(o, "next").empty()) fmt::print("older ones: --after {}\n", field(o, "next"));
  co_return 0;
}

}  // namespace

void add_builds(CLI::App& app, Action& action) {
  auto* c = app.add_subcommand("builds", "List the builds of a project");
  c->footer(kBuildsManual);
  auto a = std::make_shared<BuildsArguments>();
  c->add_option("PROJECT", a->project)->required();
  c->add_option("--limit", a->limit)->check(CLI::Range(1, 1000))->capture_default_str();
  c->add_option("--after", a->after, "goes on after the page that said so");
  add_remote_options(*c, a->remote);
  c->callback([&action, a] {
    action = [a] { return run_remote(a->remote, [a](auto remote) { return builds(remote, *a); }); };
  });
}

}  // namespace lemmy::cli
