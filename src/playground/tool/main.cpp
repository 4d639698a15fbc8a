// simulated_cluster FILE: runs a simulated cluster until SIGTERM and writes a kubeconfig for it. For tests
// and benches.
//   --namespaces a,b   made at the start      --pace 0.05   delays of controllers and nodes are multiplied by
//   it
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "base/files.h"
#include "playground/simulated_cluster.h"

int main(int argc, char** argv) {
  using namespace lemmy;
  CLI::App app{"A simulated Kubernetes cluster"};
  std::string file;
  playground::ClusterOptions options;
  options.wander = false;
  app.add_option("FILE", file, "where the kubeconfig goes")->required();
  app.add_option("--namespaces", options.namespaces)->delimiter(',');
  app.add_option("--pace", options.pace);
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  asio::io_context loop{1};
  auto cluster = playground::SimulatedCluster::create(loop.get_executor(), options);
  auto url = cluster->start();
  if (!url) {
    std::fprintf(stderr, "error: %s\n", url.error().str().c_str());
    return 1;
  }
  if (auto ok = write_file(file, cluster->kubeconfig()); !ok) {
    std::fprintf(stderr, "error: %s\n", ok.error().str().c_str());
    return 1;
  }
  asio::signal_set signals(loop, SIGINT, SIGTERM);
  signals.async_wait([&](auto, int) { loop.stop(); });
  std::printf("ready %s\n", url->c_str());
  std::fflush(stdout);
  loop.run();
  return 0;
}
