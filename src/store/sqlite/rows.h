#pragma once
// Inside room store: what the SQL files share.
#include "store/shared.h"
#include "store/sqlite/sqlite_store.h"
#include "store/sqlite/statement.h"

namespace lemmy::store {

inline void bind_target(Statement& s, const Target& t, int64_t number) {
  s.bind(1, t.project);
  s.bind(2, t.environment);
  s.bind(3, number);
}

// Writes the ledger entry; nullopt in `known`: it was not there before.
struct Entered {
  std::optional<Delivery> known;
  int64_t seq = 0;
};
Entered enter_delivery(DB& db, const Delivery& delivery);

// Written over what is there with the same key.
void put_build(DB& db, const Build& build);
void put_document(DB& db, const Target& target, int64_t number, const std::string& name, int64_t size,
                  const std::string& packed);
void bind_delivery(Statement& s, const Delivery& delivery);  // parameters 1 to 9, without its seq

Result<> check_fence(DB& db, const Fence& fence);

struct Made {
  Deploy deploy;
  bool known = false;  // its request was there before: nothing was written
};
Result<Made> make_deploy(DB& db, Deploy deploy, const DeployEvent& first);
Result<Deploy> change_deploy(DB& db, Deploy deploy, const std::vector<DeployEvent>& events);
void raise_number(DB& db, const Target& target, int64_t at_least);

// The entry as it is stored; of one that is not there the revision is 0.
Result<Entry> find_entry(DB& db, const std::string& kind, const std::string& key);
Result<int64_t> put_entry(DB& db, const Entry& entry);  // the revision now
void append(DB& db, const FeedItem& item);              // unless its id is there

// Rows as their own files read them: the columns are named there.
extern const char* const kDeliveryColumns;
extern const char* const kInstanceColumns;
extern const char* const kFeedColumns;
Result<Build> read_build(Statement& s);  // body, pushed_at
Delivery read_delivery(Statement& s);
Result<Instance> read_instance(Statement& s);
Result<FeedItem> read_item(Statement& s);

}  // namespace lemmy::store
