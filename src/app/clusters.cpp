#include "app/clusters.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "base/log.h"
#include "base/strings.h"

namespace lemmy::app {
namespace {

constexpr milliseconds kRead{5'000};

std::string written(const config::Cluster& c) {
  return fmt::format("{}\n{}\n{}\n{}", c.kubeconfig, c.context, c.in_cluster, join(c.namespaces, " "));
}

// Those that projects deploy pods to.
std::set<std::string> namespaces_of(const config::Config& config, const std::string& cluster) {
  std::set<std::string> out;
  for (const config::Environment& e : config.environments) {
    if (!config.clusters.empty() && e.cluster != cluster) continue;
    for (const auto& [name, project] : config.projects)
      if (const auto* own = project.environment(e.name); own && own->deployer == Deployer::kubernetes)
        out.insert(e.name);
  }
  return out;
}

// What the configuration says: what templates choose, and deploys of before, is followed as it is met.
void follow(const config::Config& config, kube::Cluster& cluster) {
  for (const auto& [name, project] : config.projects)
    for (const config::ProjectEnvironment& e : project.environments) {
      const config::Environment* of = config.environment(e.name);
      const bool is_there = config.clusters.empty() || (of && of->cluster == cluster.name());
      if (is_there && e.deployer == Deployer::kubernetes) cluster.follow(e.workload);
    }
}

Result<kube::ClusterAccess> find_access(const config::Cluster& c) {
  if (c.in_cluster) return kube::in_cluster();
  if (!c.kubeconfig.empty()) return kube::load_kubeconfig({c.kubeconfig}, c.context);
  if (const char* path = std::getenv("KUBECONFIG"); path && *path)
    return kube::load_kubeconfig(kube::kubeconfig_list(path), c.context);
  if (std::getenv("KUBERNETES_SERVICE_HOST")) return kube::in_cluster();
  const char* home = std::getenv("HOME");
  std::string path = std::string(home ? home : "") + "/.kube/config";
  if (std::filesystem::exists(path)) return kube::load_kubeconfig({path}, c.context);
  return fail(ErrorCode::not_found, "cluster", "no cluster is configured",
              "write clusters.yaml, start with --kubeconfig FILE, or try lemmy playground");
}

bool is_on_hosts(const config::Config& config) {
  for (const auto& [name, project] : config.projects)
    for (const config::ProjectEnvironment& e : project.environments)
      if (e.deployer == Deployer::kubernetes) return false;
  return !config.projects.empty();
}

}  // namespace

Clusters::Clusters(asio::any_io_executor loop, Pool* files, Pool* pool, ClusterOptions options,
                   std::function<void(const Target&)> changed, Recognise recognise)
    : loop_(loop),
      files_(files),
      pool_(pool),
      options_(std::move(options)),
      changed_(std::move(changed)),
      recognise_(std::move(recognise)) {}

std::map<std::string, config::Cluster> Clusters::wanted() const {
  if (options_.fixed) return {{options_.fixed_name, {}}};
  if (!used_->clusters.empty()) return used_->clusters;
  return {{kDefault, {kDefault, options_.kubeconfig, options_.context, false}}};
}

Task<> Clusters::use(std::shared_ptr<const config::Config> config) {
  used_ = config;
  hosts_only_ =
      !options_.fixed && config->clusters.empty() && options_.kubeconfig.empty() && is_on_hosts(*config);
  const std::map<std::string, config::Cluster> wanted = this->wanted();
  std::vector<std::string> gone;
  std::vector<Task<>> connecting;
  for (auto& [name, e] : entries_) {
    auto w = wanted.find(name);
    const bool same = w != wanted.end() && e.cluster && e.written == written(w->second);
    if (same && std::exchange(e.next, std::nullopt)) e.error.clear();  // as it was written before
    if (same) continue;
    if (w != wanted.end() && e.cluster)
      connecting.push_back(replace(name, w->second));
    else
      gone.push_back(name);
  }
  for (const std::string& name : gone) {
    // Out of sight first, so that nobody uses it while it stops.
    auto left = entries_.extract(name);
    if (!left.empty()) co_await stop_dropped(std::move(left.mapped()));
  }
  std::erase_if(reading_, [](const auto& one) { return !*one.second; });
  // At the same time: each may be on a disk that does not answer.
  for (auto& [name, definition] : wanted)
    if (!entries_.contains(name)) connecting.push_back(connect(name, definition));
  co_await all(std::move(connecting));
  for (auto& [name, e] : entries_)
    if (e.cluster) {
      follow(*used_, *e.cluster);
      e.cluster->deployed_to(namespaces_of(*used_, name));
    }
}

Task<> Clusters::stop_dropped(Entry gone) {
  if (!gone.cluster) co_return;
  dropped_.push_back(std::move(gone));
  kube::Cluster* cluster = dropped_.back().cluster.get();
  co_await cluster->stop();
  cluster->forget();
}

Task<> Clusters::replace(std::string name, config::Cluster c) {
  auto access = co_await read(name, c);
  // What can be read may be of no use all the same.
  Result<std::shared_ptr<kube::Client>> client =
      access ? kube::Client::create(loop_, *pool_, *access) : fail(access.error());
  // Meanwhile it may be written otherwise again, be gone, or have been replaced by whoever looked too.
  auto is_wanted = [&] {
    const auto now = wanted();
    const auto w = now.find(name);
    return w != now.end() && written(w->second) == written(c);
  };
  auto it = entries_.find(name);
  if (!is_wanted() || it == entries_.end() || !it->second.cluster || it->second.written == written(c))
    co_return;
  if (client) {
    Entry gone = std::exchange(it->second, Entry{written(c), c});
    co_await stop_dropped(std::move(gone));
    it = entries_.find(name);
    if (is_wanted() && it != entries_.end() && !it->second.cluster && it->second.written == written(c))
      begin(name, it->second, std::move(*client), *access);
    co_return;
  }
  it->second.next = std::move(c);
  const std::string error =
      "as it is written now it cannot be used, that of before is: " + client.error().str();
  if (std::exchange(it->second.error, error) == error) co_return;
  log::warning("a cluster cannot be used as it is written now", {{"cluster", name}, {"what", error}});
  changed_({});
}

Task<Result<kube::ClusterAccess>> Clusters::read(std::string name, config::Cluster c) {
  if (options_.fixed) co_return *options_.fixed;
  const Error hangs{ErrorCode::timeout, "the kubeconfig of cluster " + name,
                    "it could not be read within 5 s", "is the disk that it is on there?"};
  auto& before = reading_[written(c)];
  if (before && *before) co_return fail(hangs);
  auto busy = before = std::make_shared<std::atomic<bool>>(true);
  auto work = files_->run([c, busy] {
    struct Ends {
      std::atomic<bool>& busy;
      ~Ends() { busy = false; }
    } ends{*busy};
    return find_access(c);
  });
  auto access = co_await with_deadline(std::move(work), kRead, name);
  if (!access && access.error().code == ErrorCode::timeout) co_return fail(hangs);
  co_return access;
}

Task<> Clusters::connect(std::string name, config::Cluster c) {
  entries_[name].written = written(c);
  entries_[name].definition = c;
  auto access = co_await read(name, c);
  // Meanwhile it may be gone, be written otherwise, or have been connected by whoever looked too.
  auto it = entries_.find(name);
  if (it == entries_.end() || it->second.cluster || it->second.written != written(c)) co_return;
  Entry& made = it->second;
  if (!access) {
    const std::string error = access.error().str();
    if (std::exchange(made.error, error) != error && !hosts_only_)
      log::warning("a cluster cannot be used", {{"cluster", name}, {"what", error}});
    co_return;
  }
  auto client = kube::Client::create(loop_, *pool_, *access);
  if (!client) {
    made.error = client.error().str();
    co_return;
  }
  begin(name, made, std::move(*client), *access);
}

void Clusters::begin(const std::string& name, Entry& made, std::shared_ptr<kube::Client> client,
                     const kube::ClusterAccess& access) {
  made.error.clear();
  note_unknown(name, made, access);
  made.client = client;
  const std::vector<std::string>& namespaces = made.definition.namespaces;
  made.cluster = std::make_unique<kube::Cluster>(name, loop_, std::move(client), changed_, kube::WatchTimes{},
                                                 std::set<std::string>(namespaces.begin(), namespaces.end()));
  if (used_) {
    follow(*used_, *made.cluster);
    made.cluster->deployed_to(namespaces_of(*used_, name));
  }
  if (recognise_ && !options_.fixed)
    made.cluster->recognise_by([this, name](std::string uid) { return recognise_(name, std::move(uid)); });
  made.cluster->start();
}

void Clusters::note_unknown(const std::string& name, Entry& entry, const kube::ClusterAccess& access) {
  if (std::exchange(entry.unknown, access.unknown) == access.unknown) return;
  for (const std::string& key : entry.unknown)
    log::warning("a kubeconfig has a key that nobody knows", {{"cluster", name}, {"key", key}});
  changed_({});
}

config::Problems Clusters::problems() const {
  config::Problems out;
  for (const auto& [name, e] : entries_)
    for (const std::string& key : e.unknown)
      out.push_back({ErrorCode::invalid, "the kubeconfig of cluster " + name, "nobody knows its key " + key,
                     "is it a typo? Lemmy and kubectl go on without it"});
  return out;
}

Task<> Clusters::look() {
  if (options_.fixed) co_return;
  std::vector<std::string> names;
  for (const auto& [name, e] : entries_) names.push_back(name);
  for (const std::string& name : names) {
    auto it = entries_.find(name);
    if (it == entries_.end()) continue;
    const config::Cluster definition = it->second.definition;
    if (it->second.next) {
      config::Cluster next = *it->second.next;
      co_await replace(name, std::move(next));
      continue;
    }
    if (!it->second.cluster) {
      co_await connect(name, definition);
      continue;
    }
    auto access = co_await read(name, definition);
    it = entries_.find(name);
    if (it == entries_.end() || it->second.written != written(definition) || !it->second.cluster) continue;
    Result<> used;
    if (access) {
      note_unknown(name, it->second, *access);
      used = it->second.cluster->use(*access);
    } else {
      used = fail(access.error());
    }
    const std::string error = used ? "" : used.error().str();
    if (error == std::exchange(it->second.error, error)) continue;
    if (error.empty())
      log::info("a cluster's kubeconfig can be read again", {{"cluster", name}});
    else
      log::warning("a cluster's kubeconfig cannot be read, that of before is used",
                   {{"cluster", name}, {"what", error}});
    changed_({});
  }
}

Task<> Clusters::stop() {
  for (auto& [name, e] : entries_)
    if (e.cluster) co_await e.cluster->stop();
}

kube::Cluster* Clusters::named(const std::string& name) const {
  auto it = options_.fixed ? entries_.begin() : entries_.find(name);
  if (it == entries_.end() && name.empty() && entries_.size() == 1) it = entries_.begin();
  return it == entries_.end() ? nullptr : it->second.cluster.get();
}

bool Clusters::is_configured(const std::string& name) const {
  return options_.fixed || entries_.contains(name) || (name.empty() && entries_.size() == 1);
}

std::string Clusters::error(const std::string& name) const {
  auto it = entries_.find(name);
  return it == entries_.end() ? "" : it->second.error;
}

std::vector<live::ClusterState> Clusters::states() const {
  std::vector<live::ClusterState> out;
  for (const auto& [name, e] : entries_)
    if (e.cluster || !hosts_only_) out.push_back({name, e.cluster.get(), e.error});
  return out;
}

}  // namespace lemmy::app
