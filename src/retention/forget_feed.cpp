// The feed: what is old and done, and the oldest of too many, goes; into the archive when there is one. What
// it tells is in the histories of deploys, too, so that a server without an archive trims it all the same.
#include "base/strings.h"
#include "deploy/crash_point.h"
#include "retention/retention.h"
#include "store/records.h"

namespace lemmy::retention {

Task<Result<int64_t>> Retention::passed_by_all() {
  int64_t passed = INT64_MAX;
  store::Page page{1000, ""};
  do {
    auto some = co_await around_.store->entries(store::kConsumer, "", page);
    if (!some) co_return fail(some.error());
    for (const store::Entry& e : some->items) passed = std::min(passed, store::consumer_of(e).at);
    page.after = some->next;
  } while (!page.after.empty());
  co_return passed;
}

Task<Result<>> Retention::of_feed(config::Retention policy, store::Fence fence) {
  const int64_t keep = policy.feed_most ? *policy.feed_most : INT64_MAX;
  for (;;) {
    const Time at = now(), before = policy.feed_for ? at - *policy.feed_for : Time{};
    auto passed = co_await passed_by_all();
    if (!passed) co_return fail(passed.error());
    auto oldest = co_await around_.store->feed(0, kPage);
    if (!oldest) co_return fail(oldest.error());
    int n = 0;
    Lines lines;
    for (const store::FeedItem& i : oldest->items) {
      if (!may_trim(i.seq, i.at < before, *passed, oldest->last, keep)) break;
      const json::object line{
          {"kind", "feed"}, {"archived_at", format_time(at)}, {"item", store::to_json(i)}};
      lines += valid_utf8(json::serialize(line)) + "\n";
      ++n;
    }
    if (n == 0) co_return Result<>{};
    if (archive_) {
      auto done = co_await write("feed", at, std::move(lines), true);
      if (!done) co_return done;
      deploy::crash_point();
    }
    // Nothing comes before the oldest, so what goes is among what was archived.
    auto gone = co_await around_.store->trim_feed(before, keep, n, fence);
    if (!gone) co_return fail(gone.error());
    gone_.feed += *gone;
    count("feed", *gone);
    if (*gone < n) co_return Result<>{};  // the next round looks again
    co_await sleep_for(times_.pause);
  }
}

}  // namespace lemmy::retention
