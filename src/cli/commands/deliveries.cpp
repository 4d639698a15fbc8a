#include <fmt/format.h>

#include "cli/command.h"
#include "cli/remote.h"
#include "cli/table.h"

namespace lemmy::cli {
namespace {

constexpr const char* kDeliveriesManual =
    R"(Lists the hook calls that came in, newest first: accepted, of an unknown project, or refused and why.
Exit codes: 0, 3 not allowed, 6 the server cannot be reached.)";

struct DeliveriesArguments {
  RemoteOptions remote;
  std::string after;
  int limit = 20;
};

Task<Result<int>> deliveries(std::shared_ptr<Remote> remote, DeliveriesArguments a) {
  auto page = co_await remote->get(
      fmt::format("/api/v1/deliveries?limit={}&after={}", a.limit, net::percent_encode(a.after)));
  if (!page) co_return fail(page.error());
  if (a.remote.json()) {
    print_json(*page);
    co_return 0;
  }
  const json::object& o = page->as_object();
  Table table({"AT", "HOOK", "VERDICT", "PROJECT", "CALLER", "FROM", "WHY"});
  for (const json::value& v : array_in(o, "deliveries")) {
    const json::object& d = v.as_object();
    table.add({field(d, "at"), field(d, "hook"), field(d, "verdict"), field(d, "project"), field(d, "caller"),
               field(d, "from"), field(d, "why")});
  }
  if (table.empty())
    fmt::print("no hook was called yet\n");
  else
    table.print();
  if (!field(o, "next").empty()) fmt::print("older ones: --after {}\n", field(o, "next"));
  co_return 0;
}

}  // namespace

void add_deliveries(CLI::App& app, Action& action) {
  auto* c = app.add_subcommand("deliveries", "List the hook calls that came in");
  c->footer(kDeliveriesManual);
  auto a = std::make_shared<DeliveriesArguments>();
  c->add_option("--limit", a->limit)->check(CLI::Range(1, 1000))->capture_default_str();
  c->add_option("--after", a->after, "goes on after the page that said so");
  add_remote_options(*c, a->remote);
  c->callback([&action, a] {
    action = [a] { return run_remote(a->remote, [a](auto remote) { return deliveries(remote, *a); }); };
  });
}

}  // namespace lemmy::cli
