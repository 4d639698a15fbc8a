#include "playground/simulated_cluster.h"

#include <fmt/format.h>

#include "base/log.h"
#include "net/server.h"
#include "playground/api.h"

namespace lemmy::playground {

struct SimulatedCluster::State {
  asio::any_io_executor executor;
  std::shared_ptr<World> world;
  std::unique_ptr<net::Server> server;
  uint16_t port = 0;

  Result<> listen(uint16_t wanted) {
    net::ServerLimits limits;
    limits.body_bytes = 3u << 20;
    server = std::make_unique<net::Server>(
        executor, [w = world](net::Request r) { return handle(w, std::move(r)); }, limits);
    auto bound = server->listen("127.0.0.1", wanted);
    if (!bound) return fail(bound.error());
    port = *bound;
    return {};
  }
};

std::shared_ptr<SimulatedCluster> SimulatedCluster::create(asio::any_io_executor executor,
                                                           ClusterOptions options) {
  auto state = std::make_shared<State>();
  state->executor = executor;
  state->port = options.port;
  state->world = std::make_shared<World>(executor, std::move(options));
  World* w = state->world.get();
  std::vector<std::string> names = w->options.namespaces;
  names.insert(names.end(), {"default", "kube-system"});
  for (const std::string& name : names) {
    if (w->store.find(Kind::ns, "", name)) continue;
    w->store.put(object_from(
        Kind::ns, {{"metadata", {{"name", name}, {"labels", {{"kubernetes.io/metadata.name", name}}}}},
                   {"spec", {{"finalizers", {"kubernetes"}}}},
                   {"status", {{"phase", "Active"}}}}));
  }
  // The callbacks hold what they need weakly: faults live inside the world.
  w->faults.on_expire = [w] { w->store.forget_history(); };
  w->faults.on_cut_streams = [w] {
    ++w->streams_epoch;
    for (size_t k = 0; k < kKinds; ++k) w->store.changed(static_cast<Kind>(k)).notify();
  };
  w->faults.on_silence_streams = [w] { ++w->silent_epoch; };
  w->faults.on_unreachable = [s = std::weak_ptr(state)](bool is) {
    auto state = s.lock();
    if (!state || state->world->stopping) return;
    if (is) {
      state->server.reset();
    } else if (auto ok = state->listen(state->port); !ok) {
      log::error("the simulated cluster cannot listen again", {{"what", ok.error().str()}});
    }
  };
  return std::shared_ptr<SimulatedCluster>(new SimulatedCluster(std::move(state)));
}

SimulatedCluster::~SimulatedCluster() {
  state_->world->stopping = true;
  state_->world->agenda.stop();
}

Result<std::string> SimulatedCluster::start() {
  auto ok = state_->listen(state_->port);
  if (!ok) return fail(ok.error());
  return url();
}

std::string SimulatedCluster::url() const {
  return state_->port ? fmt::format("http://127.0.0.1:{}", state_->port) : "";
}

std::string SimulatedCluster::kubeconfig() const {
  return fmt::format(
      "apiVersion: v1\nkind: Config\ncurrent-context: playground\n"
      "clusters:\n- name: playground\n  cluster: {{server: '{}'}}\n"
      "users:\n- name: playground\n  user: {{}}\n"
      "contexts:\n- name: playground\n  context: {{cluster: playground, user: playground}}\n",
      url());
}

Task<> SimulatedCluster::stop() {
  auto state = state_;
  state->world->stopping = true;
  state->world->agenda.stop();
  for (size_t k = 0; k < kKinds; ++k) state->world->store.changed(static_cast<Kind>(k)).notify();
  if (state->server) (void)co_await state->server->stop(std::chrono::seconds{2});
  state->server.reset();
}

Faults& SimulatedCluster::faults() { return state_->world->faults; }

void SimulatedCluster::set_quota(const std::string& ns, std::map<std::string, int> limits) {
  state_->world->options.quota[ns] = std::move(limits);
}

size_t SimulatedCluster::count(std::string_view name) const {
  size_t n = 0;
  for (size_t k = 0; k < kKinds; ++k)
    if (resource(static_cast<Kind>(k)).name == name)
      n = state_->world->store.all(static_cast<Kind>(k)).size();
  return n;
}

}  // namespace lemmy::playground
