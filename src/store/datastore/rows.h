#pragma once
// Inside room store: kinds, keys and what the files of this backend share.
#include <fmt/format.h>

#include "base/crypto.h"
#include "base/strings.h"
#include "store/datastore/datastore_store.h"
#include "store/shared.h"

namespace lemmy::store::datastore {

// Kinds begin with Lemmy, so that a database may be shared.
inline Key project_key(const std::string& project) { return {"LemmyProject", name_of({project})}; }
inline Key build_key(const std::string& project, const std::string& sha) {
  return {"LemmyBuild", name_of({project, sha})};
}
inline Key target_key(const Target& t) { return {"LemmyTarget", name_of({t.project, t.environment})}; }
inline Key deploy_key(const Target& t, int64_t number) {
  return {"LemmyDeploy", name_of({t.project, t.environment, std::to_string(number)})};
}
inline Key instance_key(const Target& t, const std::string& id) {
  return {"LemmyInstance", name_of({t.project, t.environment, id})};
}
inline Key lease_key(const std::string& name) { return {"LemmyLease", name_of({name})}; }

// A mark of one write on what it writes: run again after a commit whose outcome is not known, it finds it and
// knows that it happened.
inline std::string new_mark() { return random_hex(8); }
inline bool has_mark(const Entity* e, const std::string& mark) { return e && e->text("by") == mark; }

// Puts the ledger entry unless it was there before.
struct Entered {
  std::optional<Delivery> known;
  int64_t seq = 0;
};
std::optional<Key> delivery_key(
    const Delivery& delivery);  // nullopt: it is refused, so no other is its duplicate
Entered enter_delivery(View& view, const Delivery& delivery, const std::string& mark, Sequence& sequence);

// Entities as they are kept, and back. What an entry of the ledger says is its body.
Entity build_entity(const Build& b);
Result<Build> read_build(const Entity& e);
Entity project_entity(const std::string& project);
Entity delivery_entity(Key key, const Delivery& d, int64_t seq, const std::string& mark);
Delivery read_delivery(const Entity& e);
Entity target_entity(const Target& t, int64_t last, int64_t newest);
int64_t newest_of(const Entity& target);  // the number of its newest deploy; 0: none
Key request_key(const Target& t, const std::string& request, const std::string& otherwise);
Entity request_entity(Key key, int64_t number, const std::string& mark);
Result<Deploy> read_deploy(const Entity& e);
std::string number_name(const Target& t, int64_t number);  // what sorts deploys, and begins their events
Entity deploy_entity(const Deploy& d, const json::object& body, int64_t last_seq, const std::string& mark);
Entity event_entity(const Target& t, int64_t number, int64_t seq, const json::object& body);
Entity instance_entity(const Instance& i);
Result<Instance> read_instance(const Entity& e);

// In a transaction that has read the target and the request, or the deploy.
struct MadeDeploy {
  int64_t number = 0;
  std::optional<Deploy> deploy;  // none: the request was there before
};
Result<MadeDeploy> make_deploy(View& view, Deploy d, const DeployEvent& first, const Key& request,
                               const std::string& mark, Sequence& sequence);
Result<Deploy> change_deploy(View& view, Deploy d, std::vector<DeployEvent> events, const std::string& mark,
                             Sequence& sequence);

Key entry_key(const std::string& kind, const std::string& key);
Entity entry_entity(const Entry& e, const std::string& mark);
Result<Entry> read_entry(const Entity& e);
// Of the feed: an item, the numbers of a target's items, and the number of the last one of all.
Key item_key(const std::string& id);
Key stream_key(const Target& t);
Key feed_key();
Entity item_entity(const FeedItem& i, const std::string& mark);
Result<FeedItem> read_item(const Entity& e);
void number_item(Entity& e, int64_t seq);
// Puts those that are not there before, in their order.
void append(View& view, const std::vector<FeedItem>& items, const std::string& mark);

std::vector<Key> with_fence(std::vector<Key> reads, const Fence& fence);
Result<> check_fence(const View& view, const Fence& fence);

}  // namespace lemmy::store::datastore
