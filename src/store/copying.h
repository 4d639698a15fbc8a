#pragma once
// Records from one store to another, and the mark of a store that has only a part of them. Loop thread only.
#include <map>

#include "store/records.h"

namespace lemmy::store {

using Tallies = std::map<RecordKind, Tally>;  // of all kinds

// Told after each page: how many of the kind so far.
using Seen = std::function<void(RecordKind kind, int64_t count)>;
using Take = std::function<Task<Result<>>(std::vector<Record> records)>;

// Reads all, kind by kind, and hands each page to `take` (may be empty).
Task<Result<Tallies>> read_records(Store* store, Take take, Seen seen);
// The kinds that differ, as "3 deploys here, 4 there"; empty: equal.
std::string difference(const Tallies& a, const Tallies& b);
Task<Result<bool>> is_empty(Store* store);

// A copy or restore leaves a mark until it has ended, with what is copied; "": there is none. A server does
// not start on a marked store.
Task<Result<std::string>> unfinished_load(Store* store);
// Refuses a store that has something in it, unless it is an unfinished load of the same. Errors: conflict.
Task<Result<>> begin_load(Store* store, std::string what);
Task<Result<>> end_load(Store* store);
// For servers. Errors: conflict, with what to do.
Task<Result<>> check_loaded(Store* store, std::string url);

// Whether a server leads on a shared store now: watches its lease for `time`. "": nobody does.
Task<Result<std::string>> who_leads(Store* store, milliseconds time);

}  // namespace lemmy::store
