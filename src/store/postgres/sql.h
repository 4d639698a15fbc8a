#pragma once
// Inside room store: what the files with SQL for PostgreSQL share.
#include "base/strings.h"
#include "store/postgres/errors.h"
#include "store/postgres/lane.h"
#include "store/shared.h"

namespace lemmy::store::postgres {

inline Batch one(const Statement& s, std::vector<Value> values) {
  Batch b;
  b.add(s, std::move(values));
  return b;
}

// A fence holds the lease's row until the end of the transaction, so that nobody takes over in between; the
// statements after it look at the token again, as nothing but an error would end the transaction.
void add_fence(Batch& batch, const Fence& fence);
// For a statement's WHERE: parameters `n` (the lease) and n + 1 (the token).
std::string fenced(int n);

// Ends a statement whose part `done` has a bigint x for each row it changed: not just one ends the whole
// transaction, by an error whose detail is parameter `n` (a text). Gives the x.
std::string must_be_one(int n);

// Statements on deploys up to what is asked of them. `made`: number, of a new deploy (parameters 1 to 6),
// unless its request is known. `changed`: number, of one whose revision was right (1 to 9).
std::string make_deploy_sql();
std::string change_deploy_sql();
std::vector<Value> make_deploy_values(const Deploy& d, DeployEvent first);
std::vector<Value> change_deploy_values(const Deploy& was, const std::string& body,
                                        std::vector<DeployEvent> events, const Fence& fence);
Batch lock_target(const Target& target);  // before it
Result<Deploy> read_deploy(const std::string& body, int64_t number, int64_t revision);

// Parameters 1 to 9 enter a delivery; `entered` is empty when it was there before.
extern const char* const kEnterDelivery;
std::vector<Value> delivery_values(const Delivery& d);

// Rows as their own files read them: the columns are named there.
extern const char* const kBuildColumns;
extern const char* const kDeliveryColumns;
extern const char* const kInstanceColumns;
Build read_build(const Rows& r, int row);
Delivery read_delivery(const Rows& r, int row);
Result<Instance> read_instance(const Rows& r, int row);
extern const char* const kFeedColumns;
Result<FeedItem> read_item(const Rows& r, int row, int column = 0);  // from that column on

}  // namespace lemmy::store::postgres
