#pragma once
// Inside room store: what the files with SQL for PostgreSQL share.
#include "base/strings.h"
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

}  // namespace lemmy::store::postgres
