#include "kube/cluster.h"

#include <fmt/format.h>

#include <type_traits>

#include "base/log.h"
#include "base/metrics.h"
#include "base/strings.h"

namespace lemmy::kube {
namespace {

constexpr size_t kEvents = 20'000, kLine = 4u << 20;
// A server sends a bookmark about each minute, so a watch that is silent for longer is a dead connection.
constexpr milliseconds kOpen{20'000}, kSilence{150'000};
// A watch alone would show a server that hangs only then.
constexpr milliseconds kProbeEvery{10'000}, kProbeLimit{5'000};

uint64_t seed(const std::string& text) { return std::hash<std::string>()(text); }

constexpr const char* kResources[] = {"pods", "replicationcontrollers", "horizontalpodautoscalers", "events"};
constexpr std::string_view kLastNews = "lemmy_watch_last_event_timestamp_seconds";
constexpr std::string_view kReconnects = "lemmy_watch_reconnects_total";

void note_news(const std::string& cluster, const std::string& resource) {
  metrics::gauge(kLastNews, "When the last list, event or bookmark of a watch came, since 1970",
                 {{"cluster", cluster}, {"resource", resource}},
                 static_cast<double>(to_millis(now())) / 1000);
}

// ended: by the server in order, as each few minutes. lost: refused, reset, silent.
void note_reconnect(const std::string& cluster, const char* reason, double by = 1) {
  metrics::count(kReconnects, "Watches that had to be opened again",
                 {{"cluster", cluster}, {"reason", reason}}, by);
}

}  // namespace

Cluster::Cluster(std::string name, asio::any_io_executor loop, std::shared_ptr<Client> client,
                 std::function<void(const Target&)> changed)
    : name_(std::move(name)), client_(std::move(client)), changed_(std::move(changed)), group_(loop) {}

Cluster::~Cluster() { group_.cancel(); }

void Cluster::start() {
  for (const char* reason : {"ended", "lost"}) note_reconnect(name_, reason, 0);
  const std::string ours = "labelSelector=app.kubernetes.io%2Fmanaged-by%3Dlemmy";
  watch<Pod>(pods_, "pods", "/api/v1/pods", ours, parse_pod);
  watch<ReplicationController>(rcs_, "replicationcontrollers", "/api/v1/replicationcontrollers", ours,
                               parse_rc);
  watch<Autoscaler>(autoscalers_, "horizontalpodautoscalers", "/apis/autoscaling/v2/horizontalpodautoscalers",
                    ours, parse_autoscaler);
  watch<Event>(events_, "events", "/api/v1/events", "", parse_event);
  group_.spawn(fmt::format("probe {}", name_), probe());
}

Task<> Cluster::probe() {
  for (;;) {
    co_await sleep_for(kProbeEvery);
    auto version = co_await with_deadline(client_->version(), kProbeLimit, client_->server());
    // Refused is answered: what we may not do shows where it is tried.
    const bool silent = !version && (version.error().code == ErrorCode::timeout ||
                                     version.error().code == ErrorCode::unavailable);
    set_trouble(&silent_, silent ? std::optional(version.error()) : std::nullopt);
  }
}

Task<> Cluster::stop() {
  group_.cancel();
  co_await group_.join(std::chrono::seconds{5});
}

void Cluster::forget() {
  pods_.clear();
  rcs_.clear();
  autoscalers_.clear();
  events_.clear();
  for (const char* resource : kResources)
    metrics::forget(kLastNews, {{"cluster", name_}, {"resource", resource}});
  for (const char* reason : {"ended", "lost"})
    metrics::forget(kReconnects, {{"cluster", name_}, {"reason", reason}});
  pods_.trouble = Error{ErrorCode::unavailable, name_, "this cluster has left the configuration"};
}

template <class T>
void Cluster::changed_about(const T& object) {
  if constexpr (std::is_same_v<T, Event>) {
    auto pod = pods_.objects.find({object.meta.ns, object.about_name});
    if (pod != pods_.objects.end()) return changed_(pod->second.meta.owner.target);
    auto rc = rcs_.objects.find({object.meta.ns, object.about_name});
    if (rc != rcs_.objects.end()) changed_(rc->second.meta.owner.target);
  } else {
    changed_(object.meta.owner.target);
  }
}

template <class T>
void Cluster::watch(Kind<T>& kind, const std::string& label, const std::string& path,
                    const std::string& query, std::function<T(const json::object&)> parse) {
  auto forget = [this, &kind](const std::pair<std::string, std::string>& key) {
    auto it = kind.objects.find(key);
    if (it == kind.objects.end()) return;
    T gone = std::move(it->second);
    kind.objects.erase(it);
    kind.disown(gone.meta);
    changed_about(gone);
  };
  WatchProtocol::Sink sink;
  sink.begin_list = [&kind] {
    kind.seen.clear();
    kind.listing = true;
  };
  sink.end_list = [&kind, forget] {
    std::vector<std::pair<std::string, std::string>> gone;
    for (const auto& [key, object] : kind.objects)
      if (!kind.seen.contains(key)) gone.push_back(key);
    kind.seen.clear();
    kind.listing = false;
    for (const auto& key : gone) forget(key);
  };
  sink.seen = [this, &kind, parse](const json::object& o) {
    T parsed = parse(o);
    if constexpr (std::is_same_v<T, Event>) {
      if (parsed.about_kind != "Pod" && parsed.about_kind != "ReplicationController") return;
      if (kind.objects.size() >= kEvents) trim_events();
    }
    std::pair key{parsed.meta.ns, parsed.meta.name};
    if (kind.listing) kind.seen.insert(key);
    auto [at, fresh] = kind.objects.try_emplace(key);
    T& slot = at->second;
    if constexpr (!std::is_same_v<T, Event>) {
      if (!fresh && slot.meta.owner != parsed.meta.owner) kind.disown(slot.meta);
      kind.names_of[parsed.meta.owner].insert(parsed.meta.name);
    }
    slot = std::move(parsed);
    changed_about(slot);
  };
  sink.deleted = [forget](const json::object& o) {
    Meta m = parse_meta(o);
    forget({m.ns, m.name});
  };
  kind.protocol = std::make_unique<WatchProtocol>(path, query, std::move(sink), 500, seed(name_ + label));
  kind.trouble = Error{ErrorCode::unavailable, name_, "not connected yet"};
  group_.spawn(fmt::format("watch {} {}", name_, label), follow(kind.protocol.get(), &kind.trouble, label));
}

void Cluster::trim_events() {
  // The oldest half goes: events are for explanation only.
  std::vector<std::pair<Time, std::pair<std::string, std::string>>> by_age;
  for (const auto& [key, e] : events_.objects) by_age.emplace_back(e.group.last, key);
  std::nth_element(by_age.begin(), by_age.begin() + by_age.size() / 2, by_age.end());
  for (size_t i = 0; i < by_age.size() / 2; ++i) events_.objects.erase(by_age[i].second);
}

void Cluster::set_trouble(std::optional<Error>* slot, std::optional<Error> error) {
  bool was = trouble().has_value();
  *slot = std::move(error);
  if (was == trouble().has_value()) return;
  log::info(was ? "cluster is live" : "cluster is in trouble",
            {{"cluster", name_}, {"what", *slot ? (*slot)->str() : ""}});
  for (const Target& t : targets()) changed_(t);
  changed_({});
}

Task<> Cluster::follow(WatchProtocol* protocol, std::optional<Error>* trouble, std::string label) {
  while (!co_await cancelled()) {
    WatchProtocol::Step step = protocol->next();
    if (step.delay.count()) co_await sleep_for(step.delay);
    net::ClientRequest request{"GET", step.target};
    if (step.what == WatchProtocol::Do::list) {
      auto r = co_await client_->send(std::move(request), kOpen);
      Result<> ok;
      if (r) {
        ok = protocol->on_list(r->status, r->body, net::header(r->headers, "Retry-After"));
      } else {
        protocol->on_connection_lost();
        note_reconnect(name_, "lost");
        ok = fail(r.error());
      }
      if (ok) note_news(name_, label);
      if (!ok) set_trouble(trouble, ok.error());
      if (ok && protocol->synced()) set_trouble(trouble, std::nullopt);
      continue;
    }
    auto stream = co_await client_->open(std::move(request), kOpen);
    if (!stream) {
      protocol->on_connection_lost();
      note_reconnect(name_, "lost");
      set_trouble(trouble, stream.error());
      continue;
    }
    if ((*stream)->status() != 200) {
      auto body = co_await (*stream)->read_rest(1 << 16, milliseconds{5000});
      auto refused = protocol->on_watch_opened((*stream)->status(), body ? *body : "",
                                               net::header((*stream)->headers(), "Retry-After"));
      if (!refused) {
        note_reconnect(name_, "lost");
        set_trouble(trouble, refused.error());
      }
      continue;
    }
    set_trouble(trouble, std::nullopt);
    for (;;) {
      auto line = co_await (*stream)->read_line(kLine, kSilence);
      if (!line) {
        protocol->on_connection_lost();
        note_reconnect(name_, "lost");
        log::debug("a watch was cut", {{"cluster", name_}, {"kind", label}, {"what", line.error().what}});
        break;
      }
      if (!*line) {
        protocol->on_watch_closed();
        note_reconnect(name_, "ended");
        break;
      }
      if (auto ok = protocol->on_watch_line(**line); !ok) {
        note_reconnect(name_, "lost");
        break;
      }
      note_news(name_, label);
    }
  }
}

bool Cluster::synced() const {
  return pods_.protocol && pods_.protocol->synced() && rcs_.protocol->synced() &&
         autoscalers_.protocol->synced();
}

std::optional<Error> Cluster::trouble() const {
  // Events only explain: without them the picture is still live.
  for (const auto* t : {&silent_, &pods_.trouble, &rcs_.trouble, &autoscalers_.trouble})
    if (*t) return *t;
  return std::nullopt;
}

std::vector<const Pod*> Cluster::pods(const Owner& owner) const {
  std::vector<const Pod*> out;
  auto of = pods_.names_of.find(owner);
  if (of == pods_.names_of.end()) return out;
  for (const std::string& name : of->second) {
    auto it = pods_.objects.find({owner.target.environment, name});
    if (it != pods_.objects.end()) out.push_back(&it->second);
  }
  return out;
}

int Cluster::ready_pods(const Owner& owner) const {
  int ready = 0;
  for (const Pod* pod : pods(owner)) ready += pod->ready && !pod->meta.deleting;
  return ready;
}

std::vector<EventGroup> Cluster::events_about(const std::string& object_name, const std::string& ns) const {
  std::vector<EventGroup> out;
  for (auto it = events_.objects.lower_bound({ns, object_name}); it != events_.objects.end(); ++it) {
    if (it->first.first != ns || !it->first.second.starts_with(object_name)) break;
    if (it->second.about_name == object_name) out.push_back(it->second.group);
  }
  return out;
}

namespace {
// Pages ask this for every target: never by looking through all objects.
template <class Kind>
auto owned(const Kind& kind, const Owner& owner) -> decltype(&kind.objects.begin()->second) {
  auto of = kind.names_of.find(owner);
  if (of == kind.names_of.end()) return nullptr;
  for (const std::string& name : of->second)
    if (auto it = kind.objects.find({owner.target.environment, name}); it != kind.objects.end())
      return &it->second;
  return nullptr;
}
}  // namespace

const ReplicationController* Cluster::rc(const Owner& owner) const { return owned(rcs_, owner); }
const Autoscaler* Cluster::autoscaler(const Owner& owner) const { return owned(autoscalers_, owner); }

std::set<Target> Cluster::targets() const {
  std::set<Target> out;
  for (const auto& [key, rc] : rcs_.objects) out.insert(rc.meta.owner.target);
  return out;
}

uint64_t Cluster::relists() const {
  return pods_.protocol ? pods_.protocol->relists() + rcs_.protocol->relists() +
                              autoscalers_.protocol->relists() + events_.protocol->relists()
                        : 0;
}

}  // namespace lemmy::kube
