// Builds and the ledger of hook calls.
#include "domain/names.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/sql.h"

namespace lemmy::store {
namespace postgres {

const char* const kDeliveryColumns = "seq, hook, id, verdict, at, sender, caller, project, body, why";
const char* const kBuildColumns =
    "project, sha, branch, image, url, author, message, first_pushed_at, pushed_at";

const char* const kEnterDelivery =
    "WITH entered AS (INSERT INTO lemmy_deliveries (hook, id, verdict, at, sender, caller, project, body, "
    "why) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) "
    "ON CONFLICT (hook, id) WHERE verdict <> 'refused' DO NOTHING RETURNING seq)";

std::vector<Value> delivery_values(const Delivery& d) {
  return {d.hook,          Bytes{d.id},      d.verdict,     to_millis(d.at), Bytes{d.from},
          Bytes{d.caller}, Bytes{d.project}, Bytes{d.body}, Bytes{d.why}};
}

Build read_build(const Rows& r, int row) {
  return {r.text(row, 0),
          r.text(row, 1),
          r.text(row, 2),
          r.text(row, 3),
          r.text(row, 4),
          r.text(row, 5),
          r.text(row, 6),
          from_millis(r.number(row, 7)),
          from_millis(r.number(row, 8))};
}

Delivery read_delivery(const Rows& r, int row) {
  return {r.number(row, 0), r.text(row, 1), r.text(row, 2), from_millis(r.number(row, 4)),
          r.text(row, 5),   r.text(row, 6), r.text(row, 7), r.text(row, 8),
          r.text(row, 3),   r.text(row, 9)};
}

}  // namespace postgres

namespace {

using namespace postgres;

const Statement kEnter{"enter", std::string(kEnterDelivery) + " SELECT seq FROM entered"};
// merged() of domain/build.h, of one field.
std::string merged_field(std::string_view field) {
  return fmt::format(
      "{0} = CASE WHEN excluded.{0} = '' OR ($19::boolean AND excluded.pushed_at < b.pushed_at AND "
      "b.{0} <> '') THEN b.{0} ELSE excluded.{0} END",
      field);
}

const Statement kEnterBuild{
    "enter_build",
    std::string(kEnterDelivery) +
        ", built AS (INSERT INTO lemmy_builds AS b (project, sha, branch, image, url, author, message, "
        "first_pushed_at, pushed_at) SELECT $10::text, $11::text, $12::text, $13::text, $14::text, "
        "$15::text, "
        "$16::bytea, $17::bigint, $18::bigint FROM entered ON CONFLICT (project, sha) DO UPDATE SET "
        "pushed_at = greatest(b.pushed_at, excluded.pushed_at), " +
        join(std::vector{merged_field("branch"), merged_field("image"), merged_field("url"),
                         merged_field("author"), merged_field("message")},
             ", ") +
        ") SELECT seq FROM entered"};
const Statement kKept{
    "kept_build", fmt::format("SELECT {} FROM lemmy_builds WHERE project = $1 AND sha = $2", kBuildColumns)};
const Statement kKnown{"known", fmt::format("SELECT {} FROM lemmy_deliveries "
                                            "WHERE hook = $1 AND id = $2 AND verdict <> 'refused'",
                                            kDeliveryColumns)};
const Statement kBuilds{"builds", fmt::format("SELECT {} FROM lemmy_builds WHERE project = $1 AND "
                                              "(pushed_at, sha) < ($2, $3) "
                                              "ORDER BY pushed_at DESC, sha DESC LIMIT $4",
                                              kBuildColumns)};
const Statement kBuild{"build", fmt::format("SELECT {} FROM lemmy_builds WHERE project = $1 AND "
                                            "sha >= $2 AND sha < $3 ORDER BY sha LIMIT 2",
                                            kBuildColumns)};
// One index seek a project.
const Statement kProjects{
    "projects",
    "WITH RECURSIVE p AS ((SELECT project FROM lemmy_builds ORDER BY project LIMIT 1) UNION ALL "
    "SELECT (SELECT b.project FROM lemmy_builds b WHERE b.project > p.project ORDER BY b.project LIMIT 1) "
    "FROM p WHERE p.project IS NOT NULL) SELECT project FROM p WHERE project IS NOT NULL"};
const Statement kDeliveries{
    "deliveries", fmt::format("SELECT {} FROM lemmy_deliveries WHERE seq < $1 ORDER BY seq DESC LIMIT $2",
                              kDeliveryColumns)};

const Statement kOldest{
    "oldest_deliveries",
    fmt::format("SELECT {} FROM lemmy_deliveries ORDER BY seq LIMIT $1", kDeliveryColumns)};

}  // namespace

// The batch begins with a statement that gives the seq, unless the delivery was there before. With `build`
// the next one gives the build as it is kept.
Task<Result<Accepted>> PostgresStore::enter(Delivery delivery, Batch batch, bool build) {
  auto rows = co_await writer_->run(std::move(batch));
  if (!rows) co_return fail(rows.error());
  Accepted out;
  out.delivery = std::move(delivery);
  if (build && !rows->at(1).empty()) out.build = read_build(rows->at(1), 0);
  if (!rows->at(0).empty()) {
    out.delivery.seq = rows->at(0).number(0, 0);
    co_return out;
  }
  auto known = co_await reader_->run(one(kKnown, {out.delivery.hook, Bytes{out.delivery.id}}));
  if (!known) co_return fail(known.error());
  if (known->at(0).empty())
    co_return fail(ErrorCode::unavailable, "delivery " + out.delivery.id, "the database changed on the way",
                   "try again");
  out.duplicate = true;
  out.delivery = read_delivery(known->at(0), 0);
  co_return out;
}

Task<Result<Accepted>> PostgresStore::accept(Delivery delivery, std::optional<Build> build) {
  Batch batch;
  auto values = delivery_values(delivery);
  if (!build) {
    batch.add(kEnter, std::move(values));
    co_return co_await enter(std::move(delivery), std::move(batch));
  }
  const Build& b = *build;
  Time first = b.first_pushed_at == Time{} ? b.pushed_at : b.first_pushed_at;
  for (const std::string& text : {b.project, b.sha, b.branch, b.image, b.url, b.author})
    values.emplace_back(text);
  values.emplace_back(Bytes{valid_utf8(b.message)});
  values.emplace_back(to_millis(first));
  values.emplace_back(to_millis(b.pushed_at));
  values.emplace_back(b.dated);
  batch.add(kEnterBuild, std::move(values));
  batch.add(kKept, {b.project, b.sha});
  tell(batch, b.project, "");
  co_return co_await enter(std::move(delivery), std::move(batch), true);
}

Task<Result<Listing<Build>>> PostgresStore::builds(std::string project, Page page) {
  auto before = build_cursor(page);
  if (!before) co_return bad_cursor(page);
  const int limit = limit_of(page);
  auto rows = co_await reader_->run(one(kBuilds, {project, before->at, before->sha, int64_t{limit} + 1}));
  if (!rows) co_return fail(rows.error());
  const Rows& r = rows->at(0);
  Listing<Build> out;
  for (int i = 0; i < std::min(r.size(), limit); ++i) out.items.push_back(read_build(r, i));
  if (r.size() > limit) out.next = cursor_of(out.items.back());
  co_return out;
}

Task<Result<Build>> PostgresStore::build(std::string project, std::string sha) {
  if (auto ok = check_sha(sha); !ok) co_return fail(ok.error());
  auto rows = co_await reader_->run(one(kBuild, {project, sha, sha + "g"}));  // after every hex digit
  if (!rows) co_return fail(rows.error());
  const Rows& r = rows->at(0);
  if (r.empty()) co_return no_such_build(project, sha);
  Build b = read_build(r, 0);
  if (b.sha != sha && r.size() > 1) co_return several_builds(sha);
  co_return b;
}

Task<Result<std::vector<std::string>>> PostgresStore::projects_with_builds() {
  auto rows = co_await reader_->run(one(kProjects, {}));
  if (!rows) co_return fail(rows.error());
  std::vector<std::string> out;
  for (int i = 0; i < rows->at(0).size(); ++i) out.push_back(rows->at(0).text(i, 0));
  co_return out;
}

Task<Result<Listing<Delivery>>> PostgresStore::deliveries(Page page) {
  auto before = number_cursor(page);
  if (!before) co_return bad_cursor(page);
  const int limit = limit_of(page);
  auto rows = co_await reader_->run(one(kDeliveries, {*before, int64_t{limit} + 1}));
  if (!rows) co_return fail(rows.error());
  const Rows& r = rows->at(0);
  Listing<Delivery> out;
  for (int i = 0; i < std::min(r.size(), limit); ++i) out.items.push_back(read_delivery(r, i));
  if (r.size() > limit) out.next = std::to_string(out.items.back().seq);
  co_return out;
}

Task<Result<std::vector<Delivery>>> PostgresStore::oldest_deliveries(int limit) {
  auto rows = co_await reader_->run(one(kOldest, {int64_t{std::clamp(limit, 1, 1000)}}));
  if (!rows) co_return fail(rows.error());
  std::vector<Delivery> out;
  for (int i = 0; i < rows->at(0).size(); ++i) out.push_back(read_delivery(rows->at(0), i));
  co_return out;
}

}  // namespace lemmy::store
