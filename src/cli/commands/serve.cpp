#include "cli/command.h"
#include "cli/serving.h"

namespace lemmy::cli {
namespace {

constexpr const char* kServeManual =
    R"(Runs the server until SIGINT or SIGTERM. A deploy that is under way when it stops goes on when it starts again.
Clusters come from clusters.yaml in the configuration folder; without it from --kubeconfig, else $KUBECONFIG,
the mounted service account, or ~/.kube/config. Without access.yaml it answers to this machine only.
Exit codes: 0 stopped by a signal, 2 the configuration or the arguments are wrong, 5 another server or program has the store,
6 the store or the address cannot be used, 70 something went wrong inside Lemmy.)";

}  // namespace

void add_serve(CLI::App& app, Action& action) {
  auto* c = app.add_subcommand("serve", "Run the server");
  c->footer(kServeManual);
  auto o = std::make_shared<app::Options>();
  add_server_options(*c, *o);
  c->add_option("--config", o->config_dir, "the configuration folder")->capture_default_str();
  c->add_option("--kubeconfig", o->clusters.kubeconfig, "of the cluster, when there is no clusters.yaml");
  c->add_option("--context", o->clusters.context, "in that kubeconfig");
  c->callback([&action, o] { action = [o] { return run_server(*o); }; });
}

void add_server_options(CLI::App& c, app::Options& o) {
  c.add_option("--data", o.data_dir, "where the store and the session key are kept")->capture_default_str();
  c.add_option(
      "--store", o.store,
      "sqlite:PATH, postgres://USER@HOST/DATABASE or datastore://PROJECT; lemmy.db in the data folder "
      "unless told");
  c.add_option("--archive", o.archive,
               "the folder for what is let go from the store; PATH.archive of sqlite:PATH unless told; "
               "without one nothing is let go");
  c.add_option("--ansible", o.ansible, "the folder of ansible-runner; $PATH unless told");
  c.add_option("--listen", o.host, "the address to listen on")->capture_default_str();
  c.add_option("--port", o.port, "0 takes a free one")->capture_default_str();
}

}  // namespace lemmy::cli
