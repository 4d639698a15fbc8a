// What a policy lets go, and how much is kept.
#include "store/postgres/postgres_store.h"
#include "store/postgres/sql.h"

namespace lemmy::store {
namespace {

using namespace postgres;

const Statement kNames{"document_names",
                       "SELECT name FROM lemmy_documents "
                       "WHERE project = $1 AND environment = $2 AND number = $3 ORDER BY name"};
const Statement kForgetDeploy{
    "forget_deploy",
    "WITH gone AS (DELETE FROM lemmy_deploys WHERE project = $1 AND environment = $2 AND number = $3 AND "
    "revision = $4 AND NOT unsettled AND " +
        fenced(5) +
        " RETURNING project, environment, number), e AS (DELETE FROM lemmy_events t USING gone g WHERE "
        "t.project = g.project AND t.environment = g.environment AND t.number = g.number), "
        "d AS (DELETE FROM lemmy_documents t USING gone g WHERE "
        "t.project = g.project AND t.environment = g.environment AND t.number = g.number) "
        "SELECT number FROM gone"};
const Statement kStillThere{"still_there",
                            "SELECT revision, unsettled FROM lemmy_deploys "
                            "WHERE project = $1 AND environment = $2 AND number = $3"};
const Statement kForgetBuilds{"forget_builds",
                              "DELETE FROM lemmy_builds WHERE project = $1 AND sha = ANY($2::text[]) AND " +
                                  fenced(3) + " RETURNING sha"};
const Statement kForgetDeliveries{
    "forget_deliveries",
    "WITH oldest AS (SELECT seq, at FROM lemmy_deliveries ORDER BY seq LIMIT $2), "
    "newer AS (SELECT min(seq) AS seq FROM oldest WHERE at >= $1) "
    "DELETE FROM lemmy_deliveries d USING oldest o, newer n WHERE d.seq = o.seq AND "
    "(n.seq IS NULL OR o.seq < n.seq) AND " +
        fenced(3) + " RETURNING d.seq"};

}  // namespace

Task<Result<std::vector<std::string>>> PostgresStore::document_names(Target target, int64_t number) {
  auto rows = co_await reader_->run(one(kNames, {target.project, target.environment, number}));
  if (!rows) co_return fail(rows.error());
  std::vector<std::string> out;
  for (int i = 0; i < rows->at(0).size(); ++i) out.push_back(rows->at(0).text(i, 0));
  co_return out;
}

Task<Result<>> PostgresStore::forget_deploy(Target target, int64_t number, int64_t revision, Fence fence) {
  Batch batch;
  add_fence(batch, fence);
  batch.add(kForgetDeploy, {target.project, target.environment, number, revision, fence.lease, fence.token});
  batch.add(kStillThere, {target.project, target.environment, number});
  tell(batch, target.project, target.environment);
  auto rows = co_await writer_->run(std::move(batch));
  if (!rows) co_return fail(rows.error());
  if (!fence.lease.empty() && rows->at(0).empty()) co_return lost_lease(fence.lease);
  const Rows& left = rows->at(rows->size() - 2);
  if (left.empty()) co_return Result<>{};
  if (left.number(0, 0) == revision && left.flag(0, 1)) co_return unsettled_deploy(target, number);
  co_return stale_deploy(target, number);
}

Task<Result<int>> PostgresStore::forget_builds(std::string project, std::vector<std::string> shas,
                                               Fence fence) {
  Batch batch;
  add_fence(batch, fence);
  std::vector<Value> values{project};
  values.emplace_back(Texts{std::move(shas)});
  values.emplace_back(fence.lease);
  values.emplace_back(fence.token);
  batch.add(kForgetBuilds, std::move(values));
  tell(batch, project, "");
  auto rows = co_await writer_->run(std::move(batch));
  if (!rows) co_return fail(rows.error());
  if (!fence.lease.empty() && rows->at(0).empty()) co_return lost_lease(fence.lease);
  co_return rows->at(rows->size() - 2).size();
}

Task<Result<int>> PostgresStore::forget_deliveries(Time before, int limit, Fence fence) {
  Batch batch;
  add_fence(batch, fence);
  batch.add(kForgetDeliveries,
            {to_millis(before), int64_t{std::clamp(limit, 1, 1000)}, fence.lease, fence.token});
  auto rows = co_await writer_->run(std::move(batch));
  if (!rows) co_return fail(rows.error());
  if (!fence.lease.empty() && rows->at(0).empty()) co_return lost_lease(fence.lease);
  co_return rows->back().size();
}

Task<Result<std::vector<Size>>> PostgresStore::sizes() {
  std::vector<Size> out;
  for (const char* kind :
       {"builds", "deliveries", "deploys", "events", "documents", "instances", "entries", "feed"}) {
    Batch batch;
    batch.add(
        fmt::format("SELECT count(*), pg_total_relation_size('lemmy_{0}'::regclass) FROM lemmy_{0}", kind));
    auto rows = co_await reader_->run(std::move(batch));
    if (!rows) co_return fail(rows.error());
    out.push_back({kind, rows->at(0).number(0, 0), rows->at(0).number(0, 1)});
  }
  co_return out;
}

}  // namespace lemmy::store
