#include "kube/cluster.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/metrics.h"
#include "kube/feed_metrics.h"

namespace lemmy::kube {
namespace {

// What a deploy's objects carry; the rest of what somebody labelled as Lemmy's is not even sent.
constexpr const char* kOurs =
    "labelSelector=app.kubernetes.io%2Fmanaged-by%3Dlemmy%2Cproject%2Cenvironment%2Cdeploy";
// What belongs to a target and outlives deploys.
constexpr const char* kOfTargets =
    "labelSelector=app.kubernetes.io%2Fmanaged-by%3Dlemmy%2Cproject%2Cenvironment";

uint64_t seed(const std::string& text) { return std::hash<std::string>()(text); }

bool is_ours(const EndpointSlice& s) { return s.meta.is_of_target(); }
bool is_ours(const auto& object) { return object.meta.is_stamped(); }

}  // namespace

Cluster::Cluster(std::string name, asio::any_io_executor loop, std::shared_ptr<Client> client,
                 std::function<void(const Target&)> changed, WatchTimes times,
                 std::set<std::string> namespaces)
    : name_(std::move(name)),
      client_(std::move(client)),
      changed_(std::move(changed)),
      times_(times),
      group_(loop),
      wake_(loop),
      look_at_identity_(loop),
      known_(loop),
      look_at_rights_(loop),
      namespaces_(std::move(namespaces)),
      scopes_(namespaces_.empty() ? std::set<std::string>{""} : namespaces_) {}

Cluster::~Cluster() { group_.cancel(); }

void Cluster::start() {
  begin_metrics(name_);
  for (const std::string& ns : scopes_) {
    watch<Pod>(add(Of::pods, ns, "pods"), pods_, "/api/v1", kOurs, parse_pod);
    watch<Autoscaler>(add(Of::autoscalers, ns, "horizontalpodautoscalers"), autoscalers_,
                      "/apis/autoscaling/v2", kOurs, parse_autoscaler);
    // A slice has the labels of its Service.
    watch<EndpointSlice>(add(Of::endpoints, ns, "endpointslices"), endpoints_, "/apis/discovery.k8s.io/v1",
                         kOfTargets, parse_endpoints);
    watch_events(add(Of::events, ns, "events"));
    for (const Workload w : followed_) begin(w, ns);
  }
  started_ = true;
  group_.spawn(fmt::format("probe {}", name_), probe());
  group_.spawn(fmt::format("rights {}", name_), follow_rights());
  if (recognise_) group_.spawn(fmt::format("identity of {}", name_), follow_identity());
}

static Controller parse_deployment(const json::object& object) {
  Controller out = parse_controller(object);
  out.workload = Workload::deployment;
  return out;
}

void Cluster::begin(Workload workload, const std::string& ns) {
  const WorkloadTraits& of = traits(workload);
  Feed& feed = add(Of::controllers, ns, std::string(of.resource));
  if (workload == Workload::replication_controller)
    return watch<Controller>(feed, kept(workload), std::string(of.api), kOurs, parse_controller);
  feed.only = workload;
  watch<Controller>(feed, kept(workload), std::string(of.api), kOurs, parse_deployment);
  Feed& sets = add(Of::sets, ns, "replicasets");
  sets.only = workload;
  watch<Controller>(sets, sets_, std::string(of.api), kOurs, parse_deployment);
}

void Cluster::follow(Workload workload) {
  if (!followed_.insert(workload).second || !started_) return;
  for (const std::string& ns : scopes_) begin(workload, ns);
  ++rights_asked_;
  look_at_rights_.notify();
}

Cluster::Feed& Cluster::add(Of of, const std::string& ns, std::string label) {
  feeds_.push_back(std::make_unique<Feed>());
  Feed& feed = *feeds_.back();
  feed.of = of;
  feed.ns = ns;
  feed.label = std::move(label);
  return feed;
}

Task<> Cluster::stop() {
  group_.cancel();
  co_await group_.join(std::chrono::seconds{5});
  client_->close();
}

void Cluster::forget() {
  pods_.clear();
  for (Kept<Controller>& one : controllers_) one.clear();
  sets_.clear();
  autoscalers_.clear();
  endpoints_.clear();
  homeless_.clear();
  end_metrics(name_);
  for (auto& feed : feeds_)
    feed->trouble = Error{ErrorCode::unavailable, name_, "this cluster has left the configuration"};
}

template <class T>
void Cluster::drop(Kept<T>& kept, const Key& key) {
  if (auto gone = kept.take(key)) changed_(gone->meta.target());
}

template <class T>
void Cluster::put(Kept<T>& kept, T object) {
  const Key key{object.meta.ns, object.meta.name};
  if (!is_ours(object)) return drop(kept, key);
  const T* before = kept.find(key);
  const Target was = before ? before->meta.target() : Target{}, is = object.meta.target();
  const bool fresh = kept.put(std::move(object));
  if (fresh && !homeless_.empty()) adopt_events(key);
  if (!fresh && was != is) changed_(was);
  changed_(is);
}

template <class T>
void Cluster::watch(Feed& feed, Kept<T>& kept, const std::string& api, const char* query,
                    T (*parse)(const json::object&)) {
  const std::string path = Ref{api, feed.label, feed.ns, ""}.path();
  WatchProtocol::Sink sink;
  auto since = std::make_shared<uint32_t>(0);
  sink.begin_list = [&kept, since] { *since = kept.begin_list(); };
  sink.end_list = [this, &kept, since, ns = feed.ns] {
    for (const Key& key : kept.not_listed(*since, ns)) drop(kept, key);
  };
  sink.seen = [this, &kept, parse](const json::object& o) { put(kept, parse(o)); };
  sink.deleted = [this, &kept](const json::object& o) {
    Meta m = parse_meta(o);
    drop(kept, Key{m.ns, m.name});
  };
  feed.read = [this, &kept, path, parse](const std::string& body) -> Result<Page> {
    auto items = std::make_shared<std::vector<T>>();
    auto head = read_page(body, path, [&](const json::object& o) {
      T object = parse(o);
      if (is_ours(object)) items->push_back(std::move(object));
    });
    if (!head) return fail(head.error());
    return Page{std::move(*head), [this, &kept, items] {
                  for (T& object : *items) put(kept, std::move(object));
                }};
  };
  begin(feed, path, query, std::move(sink));
}

void Cluster::begin(Feed& feed, const std::string& path, const std::string& query, WatchProtocol::Sink sink) {
  feed.protocol =
      std::make_unique<WatchProtocol>(path, query, std::move(sink), 500, seed(name_ + feed.ns + feed.label));
  feed.trouble = Error{ErrorCode::unavailable, name_, "not connected yet"};
  const std::string in = feed.ns.empty() ? "" : " in " + feed.ns;
  group_.spawn(fmt::format("watch {} {}{}", name_, feed.label, in), follow(&feed));
}

void Cluster::again(Feed& feed, bool from_the_list) {
  if (!feed.protocol) return;
  ++feed.asked;
  if (from_the_list) feed.protocol->relist();
  if (feed.open) feed.open->close();
}

Result<> Cluster::use(ClusterAccess access) {
  if (access == client_->access()) return {};
  const bool other = access.server != client_->access().server ||
                     access.tls.ca_pem != client_->access().tls.ca_pem ||
                     access.tls.server_name != client_->access().tls.server_name;
  auto used = client_->use(std::move(access));
  if (!used) return used;
  if (other)
    doubt(
        Error{ErrorCode::unavailable, name_, "its kubeconfig was written anew, and it has not answered yet"});
  for (auto& feed : feeds_) again(*feed, other);
  wake_.notify();
  ++rights_asked_;
  look_at_rights_.notify();
  return {};
}

bool Cluster::synced(std::string_view ns, Workload by) const {
  if (!followed_.contains(by)) return false;
  bool any = false;
  for (const auto& f : feeds_) {
    if (!is_needed(*f, by) || !is_of(*f, ns)) continue;
    if (!f->protocol || !f->protocol->synced()) return false;
    any = true;
  }
  return any;
}

std::vector<std::string> Cluster::unseen() const {
  std::vector<std::string> out;
  for (const std::string& ns : scopes_)
    if (!is_live(ns)) out.push_back(ns);
  return out;
}

std::optional<Error> Cluster::trouble(std::string_view ns, Workload by) const {
  if (stranger_) return stranger_;
  if (silent_) return silent_;
  if (!ns.empty() && !watches(ns))
    return Error{ErrorCode::not_found, name_, fmt::format("its namespace {} is not watched", ns),
                 fmt::format("add it to clusters.{}.namespaces of clusters.yaml", name_)};
  for (const auto& f : feeds_)
    if (is_needed(*f, by) && is_of(*f, ns) && f->trouble) return f->trouble;
  return std::nullopt;
}

}  // namespace lemmy::kube
