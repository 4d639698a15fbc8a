// What a policy lets go, and how much is kept.
#include "net/http.h"
#include "store/datastore/rows.h"

namespace lemmy::store {
using namespace datastore;

namespace {

// What one transaction takes away: the Datastore emulator takes 25 entities with the lease.
constexpr size_t kRemovedTogether = 20;
constexpr size_t kRemovals = 200;  // of one commit outside of a transaction
constexpr int kMostCounted = 20'000;

Key going_key(const Target& t, int64_t number) { return {"LemmyForgotten", deploy_key(t, number).name}; }

// All keys of a kind that begin with "<name>/": '0' follows '/'.
Query keys_below(std::string kind, const std::string& name, const Place& place) {
  Query q;
  q.kind = kind;
  q.filters = {where_key("GREATER_THAN", {kind, name + "/"}, place),
               where_key("LESS_THAN", {kind, name + "0"}, place)};
  q.keys_only = true;
  return q;
}

}  // namespace

Task<Result<std::vector<std::string>>> DatastoreStore::document_names(Target target, int64_t number) {
  const std::string of = deploy_key(target, number).name;
  auto found = co_await api_->query(keys_below("LemmyDocument", of, api_->place()));
  if (!found) co_return fail(found.error());
  std::vector<std::string> out;
  for (const Entity& e : *found) {
    auto name = net::percent_decode(e.key.name.substr(of.size() + 1));
    if (name) out.push_back(std::move(*name));
  }
  std::ranges::sort(out);
  co_return out;
}

Task<Result<>> DatastoreStore::sweep(Target target, int64_t number) {
  const std::string of = deploy_key(target, number).name, lines = number_name(target, number);
  Query events;
  events.kind = "LemmyEvent";
  events.filters = {where_text("order", "GREATER_THAN", lines + "/"),
                    where_text("order", "LESS_THAN", lines + "0")};
  events.order = "order";
  events.keys_only = true;
  std::vector<Query> all{std::move(events), keys_below("LemmyDocument", of, api_->place()),
                         keys_below("LemmyChunk", of, api_->place())};
  for (Query& q : all) {
    auto found = co_await api_->query(std::move(q));
    if (!found) co_return fail(found.error());
    for (size_t from = 0; from < found->size(); from += kRemovals) {
      std::vector<std::string> gone;
      for (size_t i = from; i < std::min(found->size(), from + kRemovals); ++i)
        gone.push_back(removal((*found)[i].key, api_->place()));
      auto written = co_await api_->write(std::move(gone));
      if (!written) co_return written;
    }
  }
  std::vector<std::string> mark{removal(going_key(target, number), api_->place())};
  co_return co_await api_->write(std::move(mark));
}

// The deploy itself goes in one transaction, what belongs to it after that: too much for one. A mark remains
// until all of it is gone, so that the next call ends what a server that died had begun.
Task<Result<>> DatastoreStore::forget_deploy(Target target, int64_t number, int64_t revision, Fence fence) {
  if (!swept_) {
    Query q;
    q.kind = "LemmyForgotten";
    auto left = co_await api_->query(std::move(q));
    if (!left) co_return fail(left.error());
    for (const Entity& e : *left) {
      auto done = co_await sweep({e.text("project"), e.text("environment")}, e.integer("number"));
      if (!done) co_return done;
    }
    swept_ = true;
  }
  const Key key = deploy_key(target, number), going = going_key(target, number);
  auto gone = co_await write<bool>(with_fence({key, going}, fence), [=](View& view) -> Result<bool> {
    if (auto ok = check_fence(view, fence); !ok) return fail(ok.error());
    const Entity* was = view.find(key);
    if (!was) return view.find(going) != nullptr;
    if (was->integer("revision") != revision) return stale_deploy(target, number);
    auto deploy = read_deploy(*was);
    if (!deploy) return fail(deploy.error());
    if (unsettled(*deploy)) return unsettled_deploy(target, number);
    Entity mark(going);
    mark.set_text("project", target.project);
    mark.set_text("environment", target.environment);
    mark.set_integer("number", number);
    view.put(std::move(mark));
    view.remove(key);
    if (!deploy->request_id.empty()) view.remove(request_key(target, deploy->request_id, ""));
    return true;
  });
  if (!gone) co_return fail(gone.error());
  if (!*gone) co_return Result<>{};
  auto swept = co_await sweep(target, number);
  if (!swept) swept_ = false;  // the next call ends it
  co_return swept;
}

Task<Result<int>> DatastoreStore::forget_keys(std::vector<Key> keys, Fence fence) {
  int gone = 0;
  for (size_t from = 0; from < keys.size(); from += kRemovedTogether) {
    std::vector<Key> part(
        keys.begin() + static_cast<ptrdiff_t>(from),
        keys.begin() + static_cast<ptrdiff_t>(std::min(keys.size(), from + kRemovedTogether)));
    auto done = co_await write<int>(with_fence(part, fence), [=](View& view) -> Result<int> {
      if (auto ok = check_fence(view, fence); !ok) return fail(ok.error());
      int n = 0;
      for (const Key& key : part) {
        if (!view.find(key)) continue;
        view.remove(key);
        ++n;
      }
      return n;
    });
    if (!done) co_return done;
    gone += *done;
  }
  co_return gone;
}

Task<Result<int>> DatastoreStore::forget_builds(std::string project, std::vector<std::string> shas,
                                                Fence fence) {
  std::vector<Key> keys;
  for (const std::string& sha : shas) keys.push_back(build_key(project, sha));
  if (keys.empty()) co_return 0;
  co_return co_await forget_keys(std::move(keys), std::move(fence));
}

Task<Result<int>> DatastoreStore::forget_deliveries(Time before, int limit, Fence fence) {
  auto oldest = co_await slice("LemmyDelivery", "order", "all", false,
                               {.limit = std::clamp(limit, 1, 1000), .after = ""});
  if (!oldest) co_return fail(oldest.error());
  std::vector<Key> keys;
  for (const Entity& e : oldest->entities) {
    if (e.integer("at") >= to_millis(before)) break;
    keys.push_back(e.key);
  }
  // One that nobody may do is refused also when there is nothing to do.
  if (keys.empty()) keys.push_back({"LemmyDelivery", "none"});
  co_return co_await forget_keys(std::move(keys), std::move(fence));
}

Task<Result<std::vector<Size>>> DatastoreStore::sizes() {
  std::vector<Size> out;
  for (const auto& [kind, entities] : {std::pair{"builds", "LemmyBuild"},
                                       {"deliveries", "LemmyDelivery"},
                                       {"deploys", "LemmyDeploy"},
                                       {"events", "LemmyEvent"},
                                       {"documents", "LemmyDocument"},
                                       {"instances", "LemmyInstance"},
                                       {"entries", "LemmyEntry"},
                                       {"feed", "LemmyFeed"}}) {
    auto n = co_await api_->count(entities, kMostCounted);
    if (!n) co_return fail(n.error());
    out.push_back({kind, *n, -1});
  }
  co_return out;
}

}  // namespace lemmy::store
