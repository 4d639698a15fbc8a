// Events of the live picture: beside the pod or controller that they are about.
#include <algorithm>

#include "kube/cluster.h"

namespace lemmy::kube {
namespace {
constexpr size_t kEvents = 20'000, kHomeless = 1'000;

bool is_kept(std::string_view kind) {
  return kind == "Pod" || kind == "ReplicaSet" || workload_of_kind(kind).has_value();
}
bool is_about(const Event& e, const Meta& m) { return e.about_uid.empty() || e.about_uid == m.uid; }
}  // namespace

void Cluster::watch_events(Feed& feed) {
  const std::string path = Ref{"/api/v1", feed.label, feed.ns, ""}.path();
  WatchProtocol::Sink sink;
  sink.begin_list = sink.end_list = [] {};  // what is too old by now does no harm
  sink.seen = [this](const json::object& o) { put_event(parse_event(o)); };
  sink.deleted = [this](const json::object& o) { (void)keep_event(parse_event(o), true); };
  feed.read = [this, path](const std::string& body) -> Result<Page> {
    auto items = std::make_shared<std::vector<Event>>();
    auto head = read_page(body, path, [&](const json::object& o) {
      Event e = parse_event(o);
      if (is_kept(e.about_kind)) items->push_back(std::move(e));
    });
    if (!head) return fail(head.error());
    return Page{std::move(*head), [this, items] {
                  for (const Event& e : *items) put_event(e);
                }};
  };
  begin(feed, path, "", std::move(sink));
}

// False: what it is about is not in the picture.
bool Cluster::keep_event(const Event& e, bool remove) {
  auto keep = [&](auto& kept) {
    auto* slot = kept.slot(Key{e.meta.ns, e.about_name});
    if (!slot || !is_about(e, slot->object.meta)) return false;
    if (remove) return slot->events.remove(e.meta.name);
    if (slot->events.put(e) && ++events_ > kEvents) trim_events();
    changed_(slot->object.meta.target());
    return true;
  };
  if (e.about_kind == "Pod") return keep(pods_);
  if (e.about_kind == "ReplicaSet") return keep(sets_);
  const auto workload = workload_of_kind(e.about_kind);
  return workload && keep(kept(*workload));
}

void Cluster::put_event(const Event& e) {
  if (!is_kept(e.about_kind)) return;
  if (keep_event(e, false)) return;
  // It may be about an object that its own watch tells of in a moment, in a namespace where we have some.
  if (!pods_.has_namespace(e.meta.ns) &&
      std::ranges::none_of(controllers_, [&](const auto& one) { return one.has_namespace(e.meta.ns); }))
    return;
  homeless_.push_back(e);
  if (homeless_.size() > kHomeless) homeless_.pop_front();
}

void Cluster::adopt_events(const Key& key) {
  std::vector<Event> found;
  std::erase_if(homeless_, [&](const Event& e) {
    const bool is = e.about_name == key.name && e.meta.ns == key.ns;
    if (is) found.push_back(e);
    return is;
  });
  for (const Event& e : found) (void)keep_event(e, false);
}

// The oldest half goes: events are for explanation only.
void Cluster::trim_events() {
  std::vector<Time> times;
  for (const auto& [key, slot] : pods_.all()) slot.events.times(&times);
  for (const auto* kept : {&controllers_[0], &controllers_[1], &sets_})
    for (const auto& [key, slot] : kept->all()) slot.events.times(&times);
  events_ = times.size();  // those of objects that have gone went with them
  if (times.size() <= kEvents) return;
  auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  const Time from = *middle;
  auto trim = [from](auto& kept) {
    for (const auto& [key, slot] : kept.all()) kept.slot(key)->events.remove_before(from);
  };
  trim(pods_), trim(sets_);
  for (Kept<Controller>& one : controllers_) trim(one);
  events_ = times.size() / 2;
}

std::vector<EventGroup> Cluster::events_about(const std::string& name, const std::string& ns) const {
  const Key key{ns, name};
  std::vector<EventGroup> out;
  auto add = [&](const auto& kept, const Key& of) {
    auto it = kept.all().find(of);
    if (it == kept.all().end()) return;
    for (EventGroup& e : it->second.events.groups()) out.push_back(std::move(e));
  };
  for (const Kept<Controller>& one : controllers_) add(one, key);
  // What hinders a Deployment's pods is told of its ReplicaSet.
  if (const Controller* d = kept(Workload::deployment).find(key))
    for (const Controller* set : sets_.of(d->meta.owner()))
      if (set->meta.controller == d->meta.uid) add(sets_, {set->meta.ns, set->meta.name});
  add(pods_, key);
  return out;
}

}  // namespace lemmy::kube
