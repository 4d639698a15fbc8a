#include <fmt/format.h>

#include "base/strings.h"
#include "cli/command.h"
#include "cli/remote.h"
#include "cli/table.h"

namespace lemmy::cli {
namespace {

constexpr const char* kManual =
    R"(Lemmy remembers which cluster each name of clusters.yaml means, by the uid of its namespace kube-system. When another
one answers, nothing is asked of it and nothing is changed there: its emptiness would read as if everything had
been deleted. That is so after a kubeconfig, a context, a name or a load balancer led elsewhere: put it right, and Lemmy
goes on by itself. When the cluster was replaced on purpose, this says so, with the uid that the trouble names; what
was deployed on the one before counts as deleted then. Wants the role admin.
Exit codes: those of docs/cli.md.)";

struct Arguments : RemoteOptions {
  std::string cluster, uid;
};

Task<Result<int>> accept(std::shared_ptr<Remote> remote, std::shared_ptr<Arguments> a) {
  net::Headers json;
  json.emplace("Content-Type", "application/json");
  auto done = co_await remote->post("/api/v1/clusters/" + net::percent_encode(a->cluster) + "/accept",
                                    json::serialize(json::object{{"uid", a->uid}}), std::move(json));
  if (!done) co_return fail(done.error());
  if (a->json())
    print_json(*done);
  else
    fmt::print("{} is the cluster with uid {} from now on\n", clean(a->cluster), clean(a->uid));
  co_return 0;
}

}  // namespace

void add_accept_cluster(CLI::App& app, Action& action) {
  auto* c = app.add_subcommand("accept-cluster", "Go on with a cluster that was replaced on purpose");
  c->footer(kManual);
  auto a = std::make_shared<Arguments>();
  c->add_option("CLUSTER", a->cluster, "Its name in clusters.yaml; 'default' without one")->required();
  c->add_option("UID", a->uid, "Of its namespace kube-system, as the trouble names it")->required();
  add_remote_options(*c, *a);
  c->callback([&action, a] {
    action = [a] { return run_remote(*a, [a](auto remote) { return accept(remote, a); }); };
  });
}

}  // namespace lemmy::cli
