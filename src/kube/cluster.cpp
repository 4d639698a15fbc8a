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

template <class T>
const T* first(const std::vector<const T*>& all) {
  return all.empty() ? nullptr : all.front();
}

bool is_ours(const EndpointSlice& s) { return s.meta.is_of_target(); }
bool is_ours(const auto& object) { return object.meta.is_stamped(); }

template <class T>
Owned owned(std::string_view kind, const T& object) {
  const Meta& m = object.meta;
  Owned out{kind, m.ns, m.name, m.uid, m.owner(), m.created, m.deleting};
  if constexpr (requires { object.wanted; }) out.wanted = object.wanted, out.ready = object.ready;
  if constexpr (std::is_same_v<T, Pod>) out.wanted = 1, out.ready = object.ready;
  return out;
}

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
    watch<Controller>(add(Of::controllers, ns, "replicationcontrollers"), controllers_, "/api/v1", kOurs,
                      parse_controller);
    watch<Autoscaler>(add(Of::autoscalers, ns, "horizontalpodautoscalers"), autoscalers_,
                      "/apis/autoscaling/v2", kOurs, parse_autoscaler);
    // A slice has the labels of its Service.
    watch<EndpointSlice>(add(Of::endpoints, ns, "endpointslices"), endpoints_, "/apis/discovery.k8s.io/v1",
                         kOfTargets, parse_endpoints);
    watch_events(add(Of::events, ns, "events"));
  }
  group_.spawn(fmt::format("probe {}", name_), probe());
  group_.spawn(fmt::format("rights {}", name_), follow_rights());
  if (recognise_) group_.spawn(fmt::format("identity of {}", name_), follow_identity());
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
  controllers_.clear();
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

bool Cluster::synced(std::string_view ns) const {
  bool any = false;
  for (const auto& f : feeds_) {
    if (!is_needed(*f) || !is_of(*f, ns)) continue;
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

std::optional<Error> Cluster::trouble(std::string_view ns) const {
  if (stranger_) return stranger_;
  if (silent_) return silent_;
  if (!ns.empty() && !watches(ns))
    return Error{ErrorCode::not_found, name_, fmt::format("its namespace {} is not watched", ns),
                 fmt::format("add it to clusters.{}.namespaces of clusters.yaml", name_)};
  for (const auto& f : feeds_)
    if (is_needed(*f) && is_of(*f, ns) && f->trouble) return f->trouble;
  return std::nullopt;
}

std::vector<const Pod*> Cluster::pods(const Owner& owner) const { return pods_.of(owner); }

std::vector<const Pod*> Cluster::pods(const Owner& owner, std::string_view controller_uid) const {
  std::vector<const Pod*> out = pods_.of(owner);
  std::erase_if(out, [&](const Pod* p) { return p->meta.controller != controller_uid; });
  return out;
}

int Cluster::ready_pods(const Owner& owner) const {
  return static_cast<int>(std::ranges::count_if(
      pods_.of(owner), [](const Pod* pod) { return pod->ready && !pod->meta.deleting; }));
}

const Controller* Cluster::controller(const Owner& owner) const { return first(controllers_.of(owner)); }
const Autoscaler* Cluster::autoscaler(const Owner& owner) const { return first(autoscalers_.of(owner)); }
const Controller* Cluster::controller(std::string_view ns, std::string_view name) const {
  return controllers_.find(Key{ns, name});
}
const Autoscaler* Cluster::autoscaler(std::string_view ns, std::string_view name) const {
  return autoscalers_.find(Key{ns, name});
}

std::optional<std::vector<const Pod*>> Cluster::answering(const Target& target) const {
  if (!is_live(target.environment)) return std::nullopt;
  for (const auto& f : feeds_)
    if (f->of == Of::endpoints && is_of(*f, target.environment) && (!f->protocol->synced() || f->trouble))
      return std::nullopt;
  std::map<Text, const Pod*> out;  // of a Service with two families of addresses each stands twice
  for (const EndpointSlice* s : endpoints_.of(Owner{target, 0}))
    for (const EndpointSlice::Endpoint& e : s->endpoints)
      if (const Pod* pod = e.ready ? pods_.find(Key{s->meta.ns, e.pod}) : nullptr) out[e.pod] = pod;
  std::vector<const Pod*> pods;
  for (const auto& [name, pod] : out) pods.push_back(pod);
  return pods;
}

std::set<Target> Cluster::targets() const {
  std::set<Target> out;
  for (const auto& [key, slot] : controllers_.all()) out.insert(slot.object.meta.target());
  return out;
}

std::vector<const Controller*> Cluster::controllers(const Target& target) const {
  return controllers_.of(target);
}

int64_t Cluster::highest_number(const Target& target) const {
  return std::max({pods_.highest(target), controllers_.highest(target), autoscalers_.highest(target)});
}

std::vector<Owned> Cluster::owned() const {
  std::vector<Owned> out;
  std::set<std::string_view> controllers;
  for (const auto& [key, slot] : controllers_.all()) {
    out.push_back(kube::owned("ReplicationController", slot.object));
    controllers.insert(slot.object.meta.uid);
  }
  for (const auto& [key, slot] : autoscalers_.all())
    out.push_back(kube::owned("HorizontalPodAutoscaler", slot.object));
  for (const auto& [key, slot] : pods_.all())
    if (!controllers.contains(slot.object.meta.controller)) out.push_back(kube::owned("Pod", slot.object));
  return out;
}

uint64_t Cluster::relists() const {
  uint64_t out = 0;
  for (const auto& f : feeds_)
    if (f->protocol) out += f->protocol->relists();
  return out;
}

}  // namespace lemmy::kube
