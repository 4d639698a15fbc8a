// Deploys and their events.
#include "store/postgres/postgres_store.h"
#include "store/postgres/sql.h"

namespace lemmy::store {
namespace postgres {

std::string must_be_one(int n) {
  // With a count in it, or the planner would evaluate it beforehand.
  return fmt::format(
      " SELECT CASE WHEN count(*) = 1 THEN max(x) ELSE ('{}' || ${}::text || '; rows: ' || count(*))::bigint "
      "END FROM done",
      kStale, n);
}

std::string make_deploy_sql() {
  return "WITH next AS (UPDATE lemmy_targets SET last = last + 1 WHERE project = $1 AND environment = $2 AND "
         "NOT EXISTS (SELECT FROM lemmy_deploys d WHERE d.project = $1 AND d.environment = $2 AND "
         "d.request_id = $3 AND d.request_id <> '') RETURNING last), "
         "made AS (INSERT INTO lemmy_deploys (project, environment, number, revision, unsettled, request_id, "
         "body) "
         "SELECT $1, $2, last, 1, $4::boolean, $3, $5::text FROM next RETURNING number), "
         "noted AS (INSERT INTO lemmy_events (project, environment, number, body) "
         "SELECT $1, $2, number, $6::text FROM made)";
}

std::vector<Value> make_deploy_values(const Deploy& d, DeployEvent first) {
  first.target = d.target;
  return {d.target.project, d.target.environment, d.request_id,
          unsettled(d),     body_of(to_json(d)),  body_of(to_json(first))};
}

// The events get their numbers while the deploy's row is locked, so that those of one deploy are committed in
// their order, and who reads on from a seq misses none.
std::string change_deploy_sql() {
  return "WITH changed AS (UPDATE lemmy_deploys SET revision = revision + 1, unsettled = $5, body = $6 "
         "WHERE project = $1 AND environment = $2 AND number = $3 AND revision = $4 AND " +
         fenced(8) +
         " RETURNING number), noted AS (INSERT INTO lemmy_events (project, environment, number, body) "
         "SELECT $1, $2, $3, e FROM changed, unnest($7::text[]) WITH ORDINALITY AS t (e, n) ORDER BY n)";
}

std::vector<Value> change_deploy_values(const Deploy& was, const std::string& body,
                                        std::vector<DeployEvent> events, const Fence& fence) {
  Texts notes;
  for (DeployEvent& e : events) {
    e.target = was.target;
    e.number = was.number;
    notes.values.push_back(body_of(to_json(e)));
  }
  std::vector<Value> values{was.target.project, was.target.environment, was.number,
                            was.revision,       unsettled(was),         body};
  values.emplace_back(std::move(notes));
  values.emplace_back(fence.lease);
  values.emplace_back(fence.token);
  return values;
}

Result<Deploy> read_deploy(const std::string& body, int64_t number, int64_t revision) {
  auto d = stored_deploy(body);
  if (!d) return d;
  d->number = number;
  d->revision = revision;
  return d;
}

Batch lock_target(const Target& t) {
  // All who make deploys of one target queue up at this row. The statements after it see what those before
  // them have made.
  static const Statement lock{"lock_target",
                              "INSERT INTO lemmy_targets AS t VALUES ($1, $2, 0) "
                              "ON CONFLICT (project, environment) DO UPDATE SET last = t.last"};
  return one(lock, {t.project, t.environment});
}

}  // namespace postgres

namespace {

using namespace postgres;

const Statement kCreate{"create", make_deploy_sql() + " SELECT number FROM made"};
const Statement kByRequest{"by_request",
                           "SELECT number, revision, body FROM lemmy_deploys WHERE project = $1 AND "
                           "environment = $2 AND request_id = $3 AND request_id <> ''"};
const Statement kUpdate{"update", change_deploy_sql() + " SELECT number FROM changed"};
// Not by `last`: numbers may have been raised.
const Statement kLatest{"latest",
                        "SELECT d.number, d.revision, d.body FROM lemmy_targets t CROSS JOIN LATERAL "
                        "(SELECT number, revision, body FROM lemmy_deploys n WHERE n.project = t.project AND "
                        "n.environment = t.environment ORDER BY number DESC LIMIT 1) d "
                        "ORDER BY t.project, t.environment"};
const Statement kRaise{
    "raise_number",
    "INSERT INTO lemmy_targets AS t VALUES ($1, $2, $3) ON CONFLICT (project, environment) "
    "DO UPDATE SET last = greatest(t.last, excluded.last) RETURNING last"};
const Statement kDeploy{"deploy",
                        "SELECT number, revision, body FROM lemmy_deploys "
                        "WHERE project = $1 AND environment = $2 AND number = $3"};
const Statement kDeploys{"deploys",
                         "SELECT number, revision, body FROM lemmy_deploys WHERE project = $1 AND "
                         "environment = $2 AND number < $3 ORDER BY number DESC LIMIT $4"};
const Statement kUnsettled{"unsettled",
                           "SELECT number, revision, body FROM lemmy_deploys WHERE unsettled "
                           "ORDER BY project, environment, number"};
const Statement kEvents{"events",
                        "SELECT seq, body FROM lemmy_events WHERE project = $1 AND environment = $2 AND "
                        "number = $3 AND seq > $4 ORDER BY seq LIMIT $5"};

Result<std::vector<Deploy>> read_deploys(const Result<Answers>& rows) {
  if (!rows) return fail(rows.error());
  std::vector<Deploy> out;
  const Rows& r = rows->back();
  for (int i = 0; i < r.size(); ++i) {
    auto d = read_deploy(r.text(i, 2), r.number(i, 0), r.number(i, 1));
    if (!d) return fail(d.error());
    out.push_back(std::move(*d));
  }
  return out;
}

}  // namespace

Task<Result<Deploy>> PostgresStore::create_deploy(Deploy d, DeployEvent first) {
  const std::string project = d.target.project, environment = d.target.environment, request = d.request_id;
  std::string body = body_of(to_json(d));
  Batch batch = lock_target(d.target);
  batch.add(kCreate, make_deploy_values(d, std::move(first)));
  tell(batch, project, environment);
  batch.add(kByRequest, {project, environment, request});
  auto rows = co_await writer_->run(std::move(batch));
  if (!rows) co_return fail(rows.error());
  const Rows& made = rows->at(1);
  if (!made.empty()) co_return read_deploy(body, made.number(0, 0), 1);
  auto known = read_deploys(rows);
  if (!known) co_return fail(known.error());
  if (known->empty())
    co_return fail(ErrorCode::unavailable, d.target.str(), "the database changed on the way", "try again");
  co_return std::move(known->front());
}

Task<Result<Deploy>> PostgresStore::update_deploy(Deploy deploy, std::vector<DeployEvent> events,
                                                  Fence fence) {
  Deploy d = deploy;
  ++d.revision;
  std::string body = body_of(to_json(d));
  Batch batch;
  add_fence(batch, fence);
  batch.add(kUpdate, change_deploy_values(deploy, body, std::move(events), fence));
  tell(batch, d.target.project, d.target.environment);
  auto rows = co_await writer_->run(std::move(batch));
  if (!rows) co_return fail(rows.error());
  if (!fence.lease.empty() && rows->at(0).empty()) co_return lost_lease(fence.lease);
  if (rows->at(rows->size() - 2).empty()) co_return stale_deploy(d.target, d.number);
  co_return stored_deploy(body);
}

Task<Result<Deploy>> PostgresStore::deploy_of_request(Target target, std::string request) {
  auto known = read_deploys(
      co_await reader_->run(one(kByRequest, {target.project, target.environment, std::move(request)})));
  if (!known) co_return fail(known.error());
  if (known->empty())
    co_return fail(ErrorCode::unavailable, target.str(), "the database changed on the way", "try again");
  co_return std::move(known->front());
}

Task<Result<int64_t>> PostgresStore::raise_number(Target target, int64_t at_least) {
  auto rows = co_await writer_->run(one(kRaise, {target.project, target.environment, at_least}));
  if (!rows) co_return fail(rows.error());
  co_return rows->at(0).number(0, 0);
}

Task<Result<Deploy>> PostgresStore::deploy(Target target, int64_t number) {
  auto found =
      read_deploys(co_await reader_->run(one(kDeploy, {target.project, target.environment, number})));
  if (!found) co_return fail(found.error());
  if (found->empty()) co_return no_such_deploy(target, number);
  co_return std::move(found->front());
}

Task<Result<Listing<Deploy>>> PostgresStore::deploys(Target target, Page page) {
  auto before = number_cursor(page);
  if (!before) co_return bad_cursor(page);
  const int64_t limit = limit_of(page);
  auto items = read_deploys(
      co_await reader_->run(one(kDeploys, {target.project, target.environment, *before, limit + 1})));
  if (!items) co_return fail(items.error());
  Listing<Deploy> out;
  out.items = std::move(*items);
  if (out.items.size() > static_cast<size_t>(limit)) {
    out.items.pop_back();
    out.next = std::to_string(out.items.back().number);
  }
  co_return out;
}

Task<Result<std::vector<Deploy>>> PostgresStore::unsettled_deploys() {
  co_return read_deploys(co_await reader_->run(one(kUnsettled, {})));
}

Task<Result<std::vector<Deploy>>> PostgresStore::latest_deploys() {
  co_return read_deploys(co_await reader_->run(one(kLatest, {})));
}

Task<Result<std::vector<DeployEvent>>> PostgresStore::deploy_events(Target target, int64_t number,
                                                                    int64_t after_seq, int limit) {
  auto rows = co_await reader_->run(one(kEvents, {target.project, target.environment, number, after_seq,
                                                  int64_t{std::clamp(limit, 1, 10'000)}}));
  if (!rows) co_return fail(rows.error());
  std::vector<DeployEvent> out;
  const Rows& r = rows->at(0);
  for (int i = 0; i < r.size(); ++i) {
    auto e = stored_event(r.text(i, 1), r.number(i, 0));
    if (!e) continue;
    e->target = target;
    e->number = number;
    out.push_back(std::move(*e));
  }
  co_return out;
}

}  // namespace lemmy::store
