// Instances that asked for their build, and leases.
#include "store/datastore/rows.h"

namespace lemmy::store {
using namespace datastore;

Result<Instance> datastore::read_instance(const Entity& e) {
  auto v = e.body();
  if (!v) return fail(v.error());
  return instance_from_json(*v);
}

Entity datastore::instance_entity(const Instance& i) {
  Entity e(instance_key(i.target, i.id));
  const auto& [project, environment] = i.target;
  // Newest first, then by target and id: ascending, with the time turned round. One order for each way to
  // list them, so that no composite index is needed.
  const std::string order = name_of({sortable(~to_millis(i.asked_at)), project, environment, i.id});
  e.set_indexed("order", "all/" + order);
  e.set_indexed("order_of_project", name_of({project}) + "/" + order);
  e.set_indexed("order_of_environment", name_of({environment}) + "/" + order);
  e.set_indexed("order_of_target", name_of({project, environment}) + "/" + order);
  e.set_flag("unsettled", i.pending() || is_open(i));
  e.set_body(to_json(i));
  return e;
}

namespace {

// Results of one transaction: Google takes 500 entities a commit.
constexpr size_t kResults = 400;
constexpr size_t kFewResults = 20;  // where only 25 are taken

Lease read_lease(const std::string& name, const Entity* e) {
  Lease l{name, "", 0, 0};
  if (e) l = {name, e->text("holder"), e->integer("token"), e->integer("revision")};
  return l;
}

}  // namespace

std::vector<Key> datastore::with_fence(std::vector<Key> reads, const Fence& fence) {
  if (!fence.lease.empty()) reads.push_back(lease_key(fence.lease));
  return reads;
}

Result<> datastore::check_fence(const View& view, const Fence& fence) {
  if (fence.lease.empty()) return {};
  const Entity* e = view.find(lease_key(fence.lease));
  if (e && e->integer("token") == fence.token) return {};
  return lost_lease(fence.lease);
}

Task<Result<Accepted>> DatastoreStore::accept_instance(Delivery delivery, std::optional<InstanceCall> call) {
  std::vector<Key> reads;
  if (auto key = delivery_key(delivery)) reads.push_back(*key);
  if (call) reads.push_back(instance_key(call->target, call->id));
  return write<Accepted>(std::move(reads),
                         [d = std::move(delivery), call = std::move(call), mark = new_mark(),
                          sequence = sequence_](View& view) -> Result<Accepted> {
                           const auto key = delivery_key(d);
                           const bool happened = key && has_mark(view.find(*key), mark);
                           Entered entered = enter_delivery(view, d, mark, *sequence);
                           if (entered.known) return Accepted{true, *entered.known};
                           Accepted out{false, d};
                           out.delivery.seq = entered.seq;
                           if (!call || happened) return out;
                           std::optional<Instance> was;
                           if (const Entity* e = view.find(instance_key(call->target, call->id))) {
                             auto read = read_instance(*e);
                             if (!read) return fail(read.error());
                             was = std::move(*read);
                           }
                           view.put(instance_entity(with_call(was, *call)));
                           return out;
                         });
}

Task<Result<>> DatastoreStore::record_instances(std::vector<Instance> instances, Fence fence) {
  // A commit has room for 500 entities: of more, the first are kept when a later part fails. Each part asks
  // the lease.
  size_t most = kResults;
  for (size_t from = 0, to = 0; from < instances.size() || from == 0; from = to) {
    to = std::max<size_t>(1, std::min(instances.size(), from + most));
    std::vector<Instance> part;
    for (size_t n = from; n < std::min(to, instances.size()); ++n) part.push_back(instances[n]);
    std::vector<Key> reads;
    for (const Instance& i : part) reads.push_back(instance_key(i.target, i.id));
    auto done = co_await write<void>(with_fence(std::move(reads), fence),
                                     [part = std::move(part), fence](View& view) -> Result<> {
                                       if (auto ok = check_fence(view, fence); !ok) return ok;
                                       for (const Instance& i : part) {
                                         const Entity* e = view.find(instance_key(i.target, i.id));
                                         if (!e) continue;
                                         auto was = read_instance(*e);
                                         if (!was) return fail(was.error());
                                         was->result = i.result;
                                         view.put(instance_entity(*was));
                                       }
                                       return {};
                                     });
    if (!done && done.error().code == ErrorCode::too_large && most == kResults) {
      most = kFewResults;
      to = from;
      continue;
    }
    if (!done) co_return done;
  }
  co_return Result<>{};
}

Task<Result<Listing<Instance>>> DatastoreStore::instances(std::string project, std::string environment,
                                                          Page page) {
  std::string property = "order", of = "all";
  if (!project.empty() && !environment.empty())
    property = "order_of_target", of = name_of({project, environment});
  else if (!project.empty())
    property = "order_of_project", of = name_of({project});
  else if (!environment.empty())
    property = "order_of_environment", of = name_of({environment});
  auto found = co_await slice("LemmyInstance", property, of, false, page);
  if (!found) co_return fail(found.error());
  Listing<Instance> out;
  for (const Entity& e : found->entities) {
    auto i = read_instance(e);
    if (!i) co_return fail(i.error());
    out.items.push_back(std::move(*i));
  }
  out.next = std::move(found->next);
  co_return out;
}

Task<Result<Instance>> DatastoreStore::instance(Target target, std::string id) {
  auto found = co_await api_->lookup({instance_key(target, id)});
  if (!found) co_return fail(found.error());
  if (found->empty()) co_return no_such_instance(target, id);
  co_return read_instance(found->front());
}

Task<Result<std::vector<Instance>>> DatastoreStore::unsettled_instances() {
  auto found = co_await flagged("LemmyInstance", "unsettled");
  if (!found) co_return fail(found.error());
  std::vector<Instance> out;
  for (const Entity& e : *found) {
    auto i = read_instance(e);
    if (!i) co_return fail(i.error());
    out.push_back(std::move(*i));
  }
  std::ranges::sort(out, {}, [](const Instance& i) { return std::tie(i.target, i.id); });
  co_return out;
}

Task<Result<Lease>> DatastoreStore::lease(std::string name) {
  auto found = co_await api_->lookup({lease_key(name)});
  if (!found) co_return fail(found.error());
  co_return read_lease(name, found->empty() ? nullptr : &found->front());
}

Task<Result<Lease>> DatastoreStore::swap_lease(Lease lease) {
  const Key key = lease_key(lease.name);
  return write<Lease>({key}, [=, mark = new_mark()](View& view) -> Result<Lease> {
    const Entity* was = view.find(key);
    if (has_mark(was, mark)) return read_lease(lease.name, was);
    if (read_lease(lease.name, was).revision != lease.revision) return stale_lease(lease.name);
    Lease now = lease;
    ++now.revision;
    Entity e(key);
    e.set_text("holder", now.holder);
    e.set_integer("token", now.token);
    e.set_integer("revision", now.revision);
    e.set_text("by", mark);
    view.put(std::move(e));
    return now;
  });
}

}  // namespace lemmy::store
