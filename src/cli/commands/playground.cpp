#include <fmt/format.h>

#include <filesystem>

#include "base/crypto.h"
#include "base/files.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/serving.h"
#include "net/client.h"
#include "playground/builds.h"
#include "playground/sample.h"
#include "playground/simulated_cluster.h"

namespace lemmy::cli {
namespace {

constexpr const char* kPlaygroundManual =
    R"(Runs the server with sample projects, builds that arrive, and a simulated cluster: nothing is installed, nothing
leaves this machine, and nothing runs for real. Every page says so. Each start begins with an empty store, as the
cluster is empty too; the sample configuration stays as you edited it, unless --fresh writes it anew.
Exit codes: as of serve.)";

struct Playground {
  app::Options options;
  bool fresh = false;
  std::string config;  // empty: the sample projects
  int build_every = 45;
};

Result<> lay_out(Playground& p) {
  namespace fs = std::filesystem;
  std::error_code ec;
  fs::path data = p.options.data_dir;
  if (p.fresh) fs::remove_all(data / "config", ec);
  for (const char* file : {"lemmy.db", "lemmy.db-wal", "lemmy.db-shm"}) fs::remove(data / file, ec);
  if (!p.config.empty()) {
    p.options.config_dir = p.config;
    return {};
  }
  fs::path dir = data / "config";
  p.options.config_dir = dir.string();
  // What somebody edited there stays.
  if (fs::exists(dir / "projects")) return {};
  for (const Embedded& file : playground::embedded()) {
    fs::path path = dir / file.path;
    fs::create_directories(path.parent_path(), ec);
    if (auto ok = write_file(path, file.text); !ok) return ok;
  }
  return {};
}

// Builds come in as they do from a build system: by the hook.
Task<> announce(std::shared_ptr<net::Client> client, json::object build) {
  net::ClientRequest r{"POST", "/hooks/build"};
  r.headers.emplace("Content-Type", "application/json");
  r.headers.emplace("X-Lemmy-Delivery", random_hex(8));
  r.body = json::serialize(build);
  auto answer = co_await client->send(std::move(r), seconds{10});
  if (!answer)
    log::warning("a sample build could not be announced", {{"what", answer.error().str()}});
  else if (answer->status != 202)
    log::warning("a sample build was refused", {{"status", std::to_string(answer->status)}});
}

int run(std::shared_ptr<Playground> p) {
  if (auto ok = lay_out(*p); !ok) return report(ok.error());
  // Goes away with `before`, which the server drops while there still is a loop.
  auto simulated = std::make_shared<std::shared_ptr<playground::SimulatedCluster>>();
  auto before = [p, simulated = std::move(simulated)](asio::io_context& loop,
                                                      app::Options& options) -> Task<Result<>> {
    options = p->options;
    auto config = config::load(options.config_dir);
    playground::ClusterOptions cluster;
    if (config) {
      cluster.namespaces.clear();
      for (const auto& e : (*config)->environments) cluster.namespaces.push_back(e.name);
    }
    *simulated = playground::SimulatedCluster::create(loop.get_executor(), cluster);
    auto url = (*simulated)->start();
    if (!url) co_return fail(url.error());
    kube::ClusterAccess access;
    access.server = *url;
    options.clusters.fixed = access;
    options.clusters.fixed_name = "simulated";
    options.simulated = true;
    co_return Result<>{};
  };
  auto after = [p](uint16_t port) -> Task<> {
    auto executor = co_await asio::this_coro::executor;
    auto client = net::Client::create(executor, fmt::format("http://127.0.0.1:{}", port));
    auto config = config::load(p->options.config_dir);
    if (!client || !config) co_return;
    std::vector<std::string> projects;
    for (const auto& [name, project] : (*config)->projects) projects.push_back(name);
    fmt::print("a simulated cluster: nothing here runs for real. Projects: {}\nconfiguration: {}\n",
               fmt::join(projects, ", "), p->options.config_dir);
    std::fflush(stdout);
    // Whoever brings projects brings their builds too.
    if (!p->config.empty()) co_return;
    playground::BuildsOptions options;
    options.projects = projects;
    options.every = seconds{p->build_every};
    playground::Builds builds(executor, options,
                              [client = *client](json::object build) { return announce(client, build); });
    builds.start();
    for (;;)
      co_await sleep_for(std::chrono::hours{1});  // cancelled at the end: they must not outlive the loop
  };
  return run_server(p->options, std::move(before), std::move(after));
}

}  // namespace

void add_playground(CLI::App& app, Action& action) {
  auto* c = app.add_subcommand("playground", "Run the server with sample projects and a simulated cluster");
  c->footer(kPlaygroundManual);
  auto p = std::make_shared<Playground>();
  p->options.data_dir = "data/playground";
  add_server_options(*c, p->options);
  c->add_option("--config", p->config, "another configuration folder than the sample projects");
  c->add_option("--build-every", p->build_every, "seconds between builds")
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str();
  c->add_flag("--fresh", p->fresh, "write the sample configuration anew");
  c->callback([&action, p] { action = [p] { return run(p); }; });
}

}  // namespace lemmy::cli
