#include <fmt/format.h>

#include "cli/command.h"
#include "cli/remote.h"
#include "cli/table.h"

namespace lemmy::cli {
namespace {

constexpr const char* kWhoamiManual =
    R"(Says who the server takes you for, by the token that is sent, which role that has, and where you may deploy.
Exit codes: 0, 3 nobody may come in without a token, or it is wrong, 6 the server cannot be reached.)";

Task<Result<int>> whoami(std::shared_ptr<Remote> remote, RemoteOptions options) {
  auto got = co_await remote->get("/api/v1/whoami");
  if (!got) co_return fail(got.error());
  if (options.json()) {
    print_json(*got);
    co_return 0;
  }
  const json::object& o = got->as_object();
  std::string of;
  for (const json::value& v : array_in(o, "projects"))
    if (v.is_string()) of += (of.empty() ? "" : ", ") + clean(v.get_string());
  fmt::print("{} ({}), role {}, for {}\n", field(o, "name"), field(o, "kind"), field(o, "role"),
             of.empty() ? "all projects" : of);
  Table table({"ENVIRONMENT", "MAY DEPLOY", ""});
  for (const json::value& v : array_in(o, "environments")) {
    const json::object& e = v.as_object();
    table.add({field(e, "name"), bool_or(e, "may_deploy") ? "yes" : "no", field(e, "why")});
  }
  if (!table.empty()) table.print();
  co_return 0;
}

}  // namespace

void add_whoami(CLI::App& app, Action& action) {
  auto* c = app.add_subcommand("whoami", "Say who the server takes you for");
  c->footer(kWhoamiManual);
  auto a = std::make_shared<RemoteOptions>();
  add_remote_options(*c, *a);
  c->callback([&action, a] {
    action = [a] { return run_remote(*a, [a](auto remote) { return whoami(remote, *a); }); };
  });
}

}  // namespace lemmy::cli
