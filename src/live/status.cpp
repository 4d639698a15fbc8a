#include <fmt/format.h>

#include "live/view.h"
#include "pods/place.h"
#include "pods/verdict.h"

namespace lemmy::live {
namespace {

constexpr int kHistory = 500, kHistoryRead = 20'000, kReads = 3;
constexpr size_t kSecrets = 10'000;
constexpr milliseconds kSecretAge{5'000}, kSecretLimit{2'000};

json::value queue_json(const deploy::Conductor& conductor, const Deploy& d) {
  if (d.phase != Phase::queued) return nullptr;
  int position = 1;
  for (const Deploy* q : conductor.queued(d.target)) position += q->number < d.number;
  const Deploy* blocker = conductor.active(d.target);
  std::string text = "it is next";
  if (blocker)
    text = fmt::format("it waits for #{}, which is {}{}; a newer deploy would go instead of this one",
                       blocker->number, title(blocker->phase),
                       blocker->note.empty() ? "" : " (" + blocker->note + ")");
  return json::object{{"position", position},
                      {"blocker", blocker ? json::value(blocker->number) : json::value(nullptr)},
                      {"text", text}};
}

// The newest kHistory, oldest first: what a long trouble wrote does not hide how it ended.
Task<Result<std::vector<DeployEvent>>> newest_events(store::Store* store, Target target, int64_t number) {
  std::vector<DeployEvent> out;
  int64_t after = 0;
  for (int read = 0; read < kHistoryRead; read += kHistory) {
    auto some = co_await store->deploy_events(target, number, after, kHistory);
    if (!some) co_return fail(some.error());
    const size_t n = some->size();
    if (n > 0) after = some->back().seq;
    out.insert(out.end(), std::make_move_iterator(some->begin()), std::make_move_iterator(some->end()));
    if (out.size() > kHistory) out.erase(out.begin(), out.end() - kHistory);
    if (n < kHistory) break;
  }
  co_return out;
}

}  // namespace

Task<Result<json::object>> Board::status(Target target, int64_t number) const {
  auto stored = co_await from_.store->deploy(target, number);
  if (!stored) co_return fail(stored.error());
  auto config = from_.config();
  const config::Project* p = config->project(target.project);
  auto others = co_await from_.store->deploys(target, {(p ? p->history : 20) + 1, ""});
  if (!others) co_return fail(others.error());
  auto build = co_await from_.store->build(target.project, stored->sha);

  // A change is stored before it is in memory: what is read after a look at memory has its events. One that
  // came meanwhile is read too, so that phase, history and hosts are of one moment.
  Deploy d = std::move(*stored);
  if (const Deploy* newest = from_.conductor->find(target, number)) d = *newest;
  std::vector<DeployEvent> events;
  json::value hosts = nullptr;
  for (int reads = 1;; ++reads) {
    auto read = co_await newest_events(from_.store, target, number);
    if (!read) co_return fail(read.error());
    events = std::move(*read);
    if (d.deployer == Deployer::ansible) hosts = co_await hosts_json(d);
    const Deploy* newest = from_.conductor->find(target, number);
    const bool again = newest && newest->revision > d.revision && reads < kReads;
    if (newest && (again || newest->revision == d.revision)) d = *newest;
    if (!again) break;
  }

  // No wait from here on: the rest is of one moment.
  json::object out;
  out["deploy"] = deploy_json(d);
  out["project"] = json::object{
      {"name", target.project}, {"description", p ? p->description : ""}, {"links", links_json(p)}};
  const config::Environment* e = config->environment(target.environment);
  out["environment"] = json::object{{"name", target.environment},
                                    {"cluster", e ? e->cluster : d.cluster},
                                    {"protected", e && e->is_protected}};
  out["build"] = build ? json::value(build_json(*build)) : json::value(nullptr);
  out["cause"] = d.cause ? json::value(to_json(*d.cause)) : json::value(nullptr);
  out["queue"] = queue_json(*from_.conductor, d);

  kube::Cluster* cluster = cluster_of(d);
  auto trouble = cluster ? cluster->trouble(target.environment, pods::workload_of(d)) : std::nullopt;
  std::string trouble_text = d.deployer == Deployer::ansible ? ""
                             : !cluster                      ? "the cluster where it is, is not configured"
                             : trouble                       ? trouble->str()
                                                             : "";
  out["cluster"] = json::object{
      {"name", cluster ? cluster->name() : ""}, {"ok", trouble_text.empty()}, {"trouble", trouble_text}};
  json::array pods;
  const kube::Owner owner{target, number};
  if (cluster)
    for (const kube::Pod* pod : pods::pods_of(*cluster, owner)) pods.push_back(pod_json(*pod));
  out["pods"] = std::move(pods);
  const Deploy* serving = from_.conductor->current(target);
  out["answers"] =
      d.deployer == Deployer::ansible ? json::value(nullptr) : answers_json(cluster, target, serving);
  const bool serves = serving && serving->number == number;
  out["drift"] = from_.drifts && serves ? from_.drifts->shown(target) : nullptr;
  const bool runs = serves && d.presence == Presence::running;
  const Health health = runs ? health_of_serving(d, out["answers"]) : Health{};
  out["health"] = health.name.empty() ? json::value(nullptr) : json::value(health.name);
  out["health_text"] = health.text;
  out["hosts"] = std::move(hosts);
  out["autoscaler"] = cluster ? autoscaler_json(cluster->autoscaler(owner)) : json::value(nullptr);
  out["events"] = cluster ? events_json(*cluster, d) : json::array{};

  json::array history;
  for (const DeployEvent& event : events) {
    json::object o = to_json(event);
    o["age"] = age(event.at);
    history.push_back(std::move(o));
  }
  out["history"] = std::move(history);
  json::array previous;
  for (const Deploy& o : others->items) {
    if (o.number == number) continue;
    const Deploy* fresh = from_.conductor->find(target, o.number);
    previous.push_back(deploy_json(fresh ? *fresh : o));
  }
  out["previous"] = std::move(previous);
  out["secret_changed"] = false;
  if (!trouble && !d.secret_version.empty() && d.secret_version != kUnknownSecret &&
      d.presence == Presence::running) {
    auto version = co_await secret_version(target);
    out["secret_changed"] = version && *version != d.secret_version;
  }
  co_return out;
}

// Live, or as kept at the end.
Task<json::value> Board::hosts_json(Deploy d) const {
  if (auto live = from_.conductor->report(d)) co_return live->to_json();
  auto kept = co_await from_.store->document(d.target, d.number, "hosts");
  if (!kept) co_return nullptr;
  auto read = parse_json(*kept, "hosts");
  co_return read ? std::move(*read) : json::value(nullptr);
}

// Not watched: Lemmy needs to read nothing of Secrets but this, so it asks at most every few seconds.
Task<std::optional<std::string>> Board::secret_version(Target target) const {
  auto known = secrets_.find(target);
  if (known != secrets_.end() && Clock::now() - known->second.at < kSecretAge)
    co_return known->second.version;
  kube::Cluster* cluster = cluster_of(target);
  if (!cluster) co_return std::nullopt;
  auto secret = co_await with_deadline(cluster->client().secret_version(target.environment, target.project),
                                       kSecretLimit, "secret");
  std::optional<std::string> version;
  if (secret) version = *secret;
  if (secrets_.size() > kSecrets) secrets_.clear();
  secrets_[target] = {version, Clock::now()};
  co_return version;
}

Task<Result<std::string>> Board::run_log(Target target, int64_t number) const {
  auto d = co_await from_.store->deploy(target, number);
  if (!d) co_return fail(d.error());
  if (d->deployer != Deployer::ansible)
    co_return fail(ErrorCode::invalid, "pod", "the pod is missing", "GET the deploy lists its pods");
  if (is_finished(d->phase)) co_return co_await from_.store->document(target, number, "log");
  auto so_far = co_await from_.conductor->run_log(*d);
  if (so_far || so_far.error().code != ErrorCode::not_found) co_return so_far;
  auto kept = co_await from_.store->document(target, number, "log");  // it ended while it was looked for
  co_return kept ? std::move(kept) : std::move(so_far);
}

Task<Result<std::string>> Board::pod_log(Target target, int64_t number, std::string pod,
                                         std::string container, bool previous, int lines) const {
  auto d = co_await from_.store->deploy(target, number);
  if (!d) co_return fail(d.error());
  kube::Cluster* cluster = cluster_of(*d);
  if (!cluster) co_return fail(ErrorCode::unavailable, target.str(), "no cluster is configured for it");
  bool ours = false, known = false;
  for (const kube::Pod* p : pods::pods_of(*cluster, {target, number}))
    if (p->meta.name == pod) {
      ours = true;
      if (container.empty()) container = p->default_container;
      for (const kube::Container& c : p->containers) known = known || c.name == container;
    }
  if (ours && !known)
    co_return fail(ErrorCode::not_found, pod, fmt::format("it has no container '{}'", container));
  if (!ours) co_return fail(ErrorCode::not_found, pod, fmt::format("deploy #{} has no such pod now", number));
  co_return co_await cluster->client().log(target.environment, pod, container, previous, lines);
}

}  // namespace lemmy::live
