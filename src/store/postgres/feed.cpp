// The feed. A sequence hands numbers out before the transactions that draw them are seen, in another order
// than they are seen: who reads on behind the highest number he saw would miss those. So whoever appends
// holds a lock from before he draws until his commit is seen. It costs next to nothing: notices make
// PostgreSQL commit these transactions one after the other anyway, and appending is the last thing that they
// do before it. (A horizon of transaction ids would let writers overtake one another within a target, stand
// still behind any long transaction of the whole server, and mean nothing in a dump.)
#include "store/postgres/postgres_store.h"
#include "store/postgres/sql.h"

namespace lemmy::store {
namespace postgres {

const char* const kFeedColumns = "seq, id, project, environment, number, at, kind, body";

Result<FeedItem> read_item(const Rows& r, int row, int from) {
  FeedItem i;
  i.seq = r.number(row, from);
  i.id = r.text(row, from + 1);
  i.target = {r.text(row, from + 2), r.text(row, from + 3)};
  i.number = r.number(row, from + 4);
  i.at = from_millis(r.number(row, from + 5));
  i.kind = r.text(row, from + 6);
  return stored_item(std::move(i), r.text(row, from + 7));
}

}  // namespace postgres

namespace {

using namespace postgres;

// By schema, as channels are: other Lemmys may be in the database.
const Statement kLock{"lock_feed", "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"};
const Statement kAppend{
    "append",
    "INSERT INTO lemmy_feed (id, project, environment, number, at, kind, body) SELECT $1::text, $2::text, "
    "$3::text, "
    "CASE WHEN $4::bigint = -1 THEN (SELECT last FROM lemmy_targets WHERE project = $2 AND environment = $3) "
    "ELSE $4::bigint END, $5::bigint, $6::text, $7::text WHERE NOT EXISTS (SELECT FROM lemmy_feed WHERE id = "
    "$1)"};
// One statement, so that all of it is of one moment.
const Statement kFeed{
    "feed",
    fmt::format(
        "SELECT coalesce((SELECT body FROM lemmy_entries WHERE kind = '{}' AND key = '{}'), '{{}}'), "
        "coalesce((SELECT max(seq) FROM lemmy_feed), 0), f.seq IS NULL, {} FROM (SELECT 1) one LEFT JOIN "
        "(SELECT *, sum(octet_length(body)) OVER (ORDER BY seq) - octet_length(body) AS before FROM "
        "(SELECT * FROM lemmy_feed WHERE seq > $1 ORDER BY seq LIMIT $2) r) f ON before < $3 ORDER BY seq",
        kFeedState, kLetGo, kFeedColumns)};
const Statement kConsumers{"consumers", "SELECT key, body FROM lemmy_entries WHERE kind = $1"};
const Statement kLast{"last_item", "SELECT coalesce(max(seq), 0) FROM lemmy_feed"};
// Up to the first that stays; and what was let go is said in the same transaction.
const Statement kTrim{
    "trim_feed",
    "WITH oldest AS (SELECT seq, at FROM lemmy_feed ORDER BY seq LIMIT $4), "
    "stays AS (SELECT min(seq) AS seq FROM oldest WHERE seq > $2 AND (seq > $3 OR at >= $1)), "
    "gone AS (DELETE FROM lemmy_feed f USING oldest o, stays s WHERE f.seq = o.seq AND "
    "(s.seq IS NULL OR o.seq < s.seq) AND " +
        fenced(5) +
        fmt::format(" RETURNING f.seq), noted AS (INSERT INTO lemmy_entries SELECT '{}', '{}', "
                    "nextval('lemmy_revisions'), json_build_object('seq', max(seq))::text FROM gone "
                    "HAVING count(*) > 0 ON CONFLICT (kind, key) DO UPDATE SET revision = excluded.revision, "
                    "body = excluded.body) SELECT seq FROM gone",
                    kFeedState, kLetGo)};

}  // namespace

void PostgresStore::append(Batch& batch, std::vector<FeedItem> items) const {
  if (items.empty()) return;
  batch.add(kLock, {channel_ + " feed"});
  for (FeedItem& i : items)
    batch.add(kAppend, {std::move(i.id), std::move(i.target.project), std::move(i.target.environment),
                        i.number, to_millis(i.at), std::move(i.kind), body_of(i.body)});
}

Task<Result<Feed>> PostgresStore::feed(int64_t after, int limit) {
  auto rows = co_await reader_->run(one(kFeed, {after, int64_t{std::clamp(limit, 1, 1000)}, kPageOfEntries}));
  if (!rows) co_return fail(rows.error());
  const Rows& r = rows->at(0);
  Feed out;
  auto state = stored_entry(kFeedState, kLetGo, 0, r.text(0, 0));
  if (!state) co_return fail(state.error());
  out.let_go = feed_seq_in(*state);
  out.last = std::max(r.number(0, 1), out.let_go);
  for (int row = 0; row < r.size() && !r.flag(row, 2); ++row) {
    auto i = read_item(r, row, 3);
    if (!i) co_return fail(i.error());
    out.items.push_back(std::move(*i));
  }
  co_return out;
}

Task<Result<int>> PostgresStore::trim_feed(Time before, int64_t keep, int limit, Fence fence) {
  // Consumers only go forwards: what all have passed now they have passed then.
  Batch look = one(kConsumers, {std::string(kConsumer)});
  look.add(kLast, {});
  auto found = co_await reader_->run(std::move(look));
  if (!found) co_return fail(found.error());
  std::vector<Entry> consumers;
  for (int row = 0; row < found->at(0).size(); ++row) {
    auto e = stored_entry(kConsumer, found->at(0).text(row, 0), 0, found->at(0).text(row, 1));
    if (!e) co_return fail(e.error());
    consumers.push_back(std::move(*e));
  }
  const MayGo go = may_go(consumers, found->at(1).number(0, 0), keep);
  Batch batch;
  add_fence(batch, fence);
  batch.add(kTrim, {to_millis(before), go.too_many, go.passed, int64_t{std::clamp(limit, 1, 1000)},
                    fence.lease, fence.token});
  auto rows = co_await writer_->run(std::move(batch));
  if (!rows) co_return fail(rows.error());
  if (!fence.lease.empty() && rows->at(0).empty()) co_return lost_lease(fence.lease);
  co_return rows->back().size();
}

}  // namespace lemmy::store
