// Deploys and their events.
#include "store/datastore/rows.h"

namespace lemmy::store {
using namespace datastore;

Entity datastore::target_entity(const Target& t, int64_t last, int64_t newest) {
  Entity e(target_key(t));
  e.set_integer("last", last);
  e.set_integer("newest", newest);
  e.set_text("project", t.project);
  e.set_text("environment", t.environment);
  return e;
}

Key datastore::request_key(const Target& t, const std::string& request, const std::string& otherwise) {
  return {"LemmyRequest",
          name_of({t.project, t.environment, request.empty() ? otherwise : sha256_hex(request)})};
}

int64_t datastore::newest_of(const Entity& target) {
  // Before numbers could be raised it was the last one.
  return target.integer(target.properties.contains("newest") ? "newest" : "last");
}

Entity datastore::request_entity(Key key, int64_t number, const std::string& mark) {
  Entity e(std::move(key));
  e.set_integer("number", number);
  e.set_text("by", mark);
  return e;
}

std::string datastore::number_name(const Target& t, int64_t number) {
  return name_of({t.project, t.environment, sortable(number)});
}

Entity datastore::deploy_entity(const Deploy& d, const json::object& body, int64_t last_seq,
                                const std::string& mark) {
  Entity e(deploy_key(d.target, d.number));
  e.set_indexed("order", number_name(d.target, d.number));
  e.set_flag("unsettled", unsettled(d));
  e.set_integer("revision", d.revision);
  e.set_integer("last_seq", last_seq);
  e.set_text("by", mark);
  e.set_body(body);
  return e;
}

Entity datastore::event_entity(const Target& t, int64_t number, int64_t seq, const json::object& body) {
  Entity e(Key{"LemmyEvent", "", seq});
  e.set_indexed("order", number_name(t, number) + "/" + sortable(seq));
  e.set_body(body);
  return e;
}

Result<Deploy> datastore::read_deploy(const Entity& e) {
  auto v = e.body();
  if (!v) return fail(v.error());
  return deploy_from_json(*v);
}

namespace {

Result<std::vector<Deploy>> read_deploys(const std::vector<Entity>& entities) {
  std::vector<Deploy> out;
  for (const Entity& e : entities) {
    auto d = read_deploy(e);
    if (!d) return fail(d.error());
    out.push_back(std::move(*d));
  }
  return out;
}

void sort_by_target(std::vector<Deploy>& deploys) {
  std::ranges::sort(deploys, {}, [](const Deploy& d) { return std::tie(d.target, d.number); });
}

// Puts the events and the deploy as it is now. The deploy keeps the last number of its events, so that they
// grow whoever writes them and whatever the clocks say.
Result<Deploy> put_deploy(View& view, const Deploy& d, std::vector<DeployEvent> events, int64_t last_seq,
                          const std::string& mark, Sequence& sequence) {
  for (DeployEvent& e : events) {
    e.target = d.target;
    e.number = d.number;
    last_seq = sequence.next(last_seq);
    view.put_fresh(event_entity(d.target, d.number, last_seq, to_json(e)));
  }
  Entity e = deploy_entity(d, to_json(d), last_seq, mark);
  auto stored = read_deploy(e);
  view.put(std::move(e));
  return stored;
}

}  // namespace

Result<MadeDeploy> datastore::make_deploy(View& view, Deploy d, const DeployEvent& first, const Key& request,
                                          const std::string& mark, Sequence& sequence) {
  if (const Entity* known = view.find(request)) return MadeDeploy{known->integer("number"), std::nullopt};
  const Entity* was = view.find(target_key(d.target));
  d.number = 1 + (was ? was->integer("last") : 0);
  d.revision = 1;
  view.put(target_entity(d.target, d.number, d.number));
  view.put(request_entity(request, d.number, mark));
  auto stored = put_deploy(view, d, {first}, 0, mark, sequence);
  if (!stored) return fail(stored.error());
  return MadeDeploy{d.number, std::move(*stored)};
}

Result<Deploy> datastore::change_deploy(View& view, Deploy d, std::vector<DeployEvent> events,
                                        const std::string& mark, Sequence& sequence) {
  const Entity* was = view.find(deploy_key(d.target, d.number));
  if (!was || was->integer("revision") != d.revision) return stale_deploy(d.target, d.number);
  ++d.revision;
  return put_deploy(view, d, std::move(events), was->integer("last_seq"), mark, sequence);
}

Task<Result<Deploy>> DatastoreStore::create_deploy(Deploy deploy, DeployEvent first) {
  const std::string mark = new_mark();
  const Target t = deploy.target;
  const Key request = request_key(t, deploy.request_id, mark);
  auto made = co_await write<MadeDeploy>({target_key(t), request},
                                         [=, deploy = std::move(deploy), first = std::move(first),
                                          sequence = sequence_](View& view) -> Result<MadeDeploy> {
                                           return make_deploy(view, deploy, first, request, mark, *sequence);
                                         });
  if (!made) co_return fail(made.error());
  if (made->deploy) co_return std::move(*made->deploy);
  co_return co_await this->deploy(t, made->number);
}

Task<Result<Deploy>> DatastoreStore::update_deploy(Deploy deploy, std::vector<DeployEvent> events,
                                                   Fence fence) {
  const Key key = deploy_key(deploy.target, deploy.number);
  return write<Deploy>(with_fence({key}, fence),
                       [=, deploy = std::move(deploy), events = std::move(events), mark = new_mark(),
                        sequence = sequence_](View& view) -> Result<Deploy> {
                         const Entity* was = view.find(key);
                         if (has_mark(was, mark)) return read_deploy(*was);
                         if (auto ok = check_fence(view, fence); !ok) return fail(ok.error());
                         return change_deploy(view, deploy, events, mark, *sequence);
                       });
}

Task<Result<int64_t>> DatastoreStore::raise_number(Target target, int64_t at_least) {
  return write<int64_t>({target_key(target)}, [=](View& view) -> Result<int64_t> {
    const Entity* was = view.find(target_key(target));
    const int64_t last = was ? was->integer("last") : 0;
    if (last < at_least) view.put(target_entity(target, at_least, was ? newest_of(*was) : 0));
    return std::max(last, at_least);
  });
}

Task<Result<Deploy>> DatastoreStore::deploy(Target target, int64_t number) {
  auto found = co_await api_->lookup({deploy_key(target, number)});
  if (!found) co_return fail(found.error());
  if (found->empty()) co_return no_such_deploy(target, number);
  co_return read_deploy(found->front());
}

Task<Result<Listing<Deploy>>> DatastoreStore::deploys(Target target, Page page) {
  auto found =
      co_await slice("LemmyDeploy", "order", name_of({target.project, target.environment}), true, page);
  if (!found) co_return fail(found.error());
  auto items = read_deploys(found->entities);
  if (!items) co_return fail(items.error());
  Listing<Deploy> out{std::move(*items), std::move(found->next)};
  co_return out;
}

Task<Result<std::vector<Deploy>>> DatastoreStore::unsettled_deploys() {
  auto found = co_await flagged("LemmyDeploy", "unsettled");
  if (!found) co_return fail(found.error());
  auto out = read_deploys(*found);
  if (out) sort_by_target(*out);
  co_return out;
}

Task<Result<std::vector<Deploy>>> DatastoreStore::latest_deploys() {
  Query q;
  q.kind = "LemmyTarget";
  auto targets = co_await api_->query(std::move(q));
  if (!targets) co_return fail(targets.error());
  std::vector<Key> keys;
  for (const Entity& e : *targets)
    keys.push_back(deploy_key({e.text("project"), e.text("environment")}, newest_of(e)));
  auto found = co_await api_->lookup(std::move(keys));
  if (!found) co_return fail(found.error());
  auto out = read_deploys(*found);
  if (out) sort_by_target(*out);
  co_return out;
}

Task<Result<std::vector<DeployEvent>>> DatastoreStore::deploy_events(Target target, int64_t number,
                                                                     int64_t after_seq, int limit) {
  const std::string of = number_name(target, number);
  Query q;
  q.kind = "LemmyEvent";
  q.filters = {where_text("order", "GREATER_THAN", of + "/" + sortable(after_seq)),
               where_text("order", "LESS_THAN", of + "0")};
  q.order = "order";
  q.limit = std::clamp(limit, 1, 10'000);
  auto found = co_await api_->query(std::move(q));
  if (!found) co_return fail(found.error());
  std::vector<DeployEvent> out;
  for (const Entity& e : *found) {
    auto v = e.body();
    if (!v || !v->is_object()) continue;
    out.push_back(event_from_json(v->get_object()));
    out.back().seq = e.key.id;
  }
  co_return out;
}

}  // namespace lemmy::store
