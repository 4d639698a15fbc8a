#include "store/copying.h"

#include "base/strings.h"
#include "store/shared.h"

namespace lemmy::store {
namespace {

// A lease, because every backend keeps those, and copies none.
constexpr const char* kMark = "load";
constexpr const char* kLeader = "conductor";
constexpr int kTogether = 200;

// What was stored and is no JSON any more is nobody's input.
Error unreadable(Error e) {
  if (e.code == ErrorCode::invalid) e.code = ErrorCode::internal;
  if (e.code == ErrorCode::internal && e.hint.empty())
    e.hint = "the store is damaged: restore it from a backup";
  return e;
}

Task<Result<>> mark(Store* store, std::string what) {
  auto lease = co_await store->lease(kMark);
  if (!lease) co_return fail(lease.error());
  lease->holder = std::move(what);
  ++lease->token;
  auto done = co_await store->swap_lease(*lease);
  if (!done) co_return fail(done.error());
  co_return Result<>{};
}

}  // namespace

Task<Result<Tallies>> read_records(Store* store, Take take, Seen seen) {
  Tallies out;
  for (RecordKind kind : kRecordKinds) {
    Tally& tally = out[kind];
    if (seen) seen(kind, 0);
    Page page{kTogether, ""};
    do {
      auto records = co_await store->dump(kind, page);
      if (!records) co_return fail(unreadable(records.error()));
      for (const Record& r : records->items) tally.add(r);
      page.after = std::move(records->next);
      if (take && !records->items.empty()) {
        auto taken = co_await take(std::move(records->items));
        if (!taken) co_return fail(taken.error());
      }
      if (seen) seen(kind, tally.count());
    } while (!page.after.empty());
  }
  co_return out;
}

std::string difference(const Tallies& a, const Tallies& b) {
  std::vector<std::string> out;
  for (RecordKind kind : kRecordKinds) {
    const Tally here = a.contains(kind) ? a.at(kind) : Tally();
    const Tally there = b.contains(kind) ? b.at(kind) : Tally();
    if (here == there) continue;
    out.push_back(
        here.count() == there.count()
            ? fmt::format("{} records of kind {} are not all the same", here.count(), name(kind))
            : fmt::format("{} records of kind {} here, {} there", here.count(), name(kind), there.count()));
  }
  return join(out, "; ");
}

Task<Result<bool>> is_empty(Store* store) {
  for (RecordKind kind : kRecordKinds) {
    auto first = co_await store->dump(kind, {1, ""});
    if (!first) co_return fail(first.error());
    if (!first->items.empty()) co_return false;
  }
  co_return true;
}

Task<Result<std::string>> unfinished_load(Store* store) {
  auto lease = co_await store->lease(kMark);
  if (!lease) co_return fail(lease.error());
  co_return lease->holder;
}

Task<Result<>> begin_load(Store* store, std::string what) {
  auto begun = co_await unfinished_load(store);
  if (!begun) co_return fail(begun.error());
  if (*begun == what) co_return Result<>{};
  if (!begun->empty())
    co_return fail(ErrorCode::conflict, "the destination", "another load into it did not end: " + *begun,
                   "run that again until it ends, or name an empty store; nothing was written");
  auto empty = co_await is_empty(store);
  if (!empty) co_return fail(empty.error());
  if (!*empty)
    co_return fail(ErrorCode::conflict, "the destination", "it is not empty",
                   "name an empty store; nothing was written");
  co_return co_await mark(store, std::move(what));
}

Task<Result<>> end_load(Store* store) { co_return co_await mark(store, ""); }

Task<Result<>> check_loaded(Store* store, std::string url) {
  auto begun = co_await unfinished_load(store);
  if (!begun) co_return fail(begun.error());
  if (begun->empty()) co_return Result<>{};
  co_return fail(ErrorCode::conflict, std::move(url),
                 "only a part of it is there: this did not end: " + *begun,
                 "run it again until it ends, or name another store with --store");
}

Task<Result<std::string>> who_leads(Store* store, milliseconds time) {
  if (store->sharing() == Sharing::single) co_return "";
  auto before = co_await store->lease(kLeader);
  if (!before) co_return fail(before.error());
  if (before->holder.empty()) co_return "";
  co_await sleep_for(time);
  auto after = co_await store->lease(kLeader);
  if (!after) co_return fail(after.error());
  co_return after->revision == before->revision || after->holder.empty() ? "" : after->holder;
}

}  // namespace lemmy::store
