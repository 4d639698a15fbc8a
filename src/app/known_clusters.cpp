#include "app/known_clusters.h"

#include "base/log.h"
#include "base/strings.h"

namespace lemmy::app {
namespace {

constexpr const char* kKind = "cluster";

store::Entry entry_of(const std::string& cluster, const std::string& uid) {
  return {kKind, store::entry_key({cluster}), {{"uid", uid}, {"since", format_time(now())}}};
}

}  // namespace

Task<Result<std::string>> KnownClusters::known(std::string cluster) {
  auto entry = co_await store_->entry(kKind, store::entry_key({cluster}));
  if (!entry) co_return fail(entry.error());
  co_return std::string(text_or(entry->body, "uid"));
}

Task<Result<std::string>> KnownClusters::recognise(std::string cluster, std::string uid) {
  for (bool again = false;; again = true) {
    auto before = co_await known(cluster);
    if (!before) co_return fail(before.error());
    if (!before->empty()) co_return *before;
    store::Writes first;
    first.put.push_back(entry_of(cluster, uid));
    auto kept = co_await store_->write_all(std::move(first), {});
    if (kept) co_return uid;
    // Another server was quicker.
    if (again || kept.error().code != ErrorCode::conflict) co_return fail(kept.error());
  }
}

Task<Result<>> KnownClusters::accept(std::string cluster, std::string uid, std::string who) {
  auto before = co_await store_->entry(kKind, store::entry_key({cluster}));
  if (!before) co_return fail(before.error());
  store::Entry next = entry_of(cluster, uid);
  next.revision = before->revision;
  next.body["accepted_by"] = who;
  store::Writes writes;
  writes.put.push_back(std::move(next));
  auto kept = co_await store_->write_all(std::move(writes), {});
  if (!kept) co_return fail(kept.error());
  log::info("another cluster is accepted", {{"cluster", cluster}, {"who", who}, {"what", uid}});
  co_return Result<>{};
}

}  // namespace lemmy::app
