// Instances that asked for their build, and leases.
#include "store/postgres/postgres_store.h"
#include "store/postgres/sql.h"

namespace lemmy::store {
namespace postgres {

const char* const kInstanceColumns =
    "project, environment, id, address, identity, asked, first_asked_at, asked_at, result, answered, "
    "launched_at";

Result<Instance> read_instance(const Rows& r, int row) {
  Instance i;
  i.target = {r.text(row, 0), r.text(row, 1)};
  i.id = r.text(row, 2);
  i.address = r.text(row, 3);
  i.identity = r.text(row, 4);
  i.asked = r.number(row, 5);
  i.first_asked_at = from_millis(r.number(row, 6));
  i.asked_at = from_millis(r.number(row, 7));
  if (std::string result = r.text(row, 8); !result.empty()) {
    auto v = parse_json(result, "stored instance");
    if (!v) return fail(v.error());
    auto read = instance_from_json(*v);
    if (!read) return read;
    i.result = read->result;
  }
  i.result.answered = r.number(row, 9);
  if (int64_t launched = r.number(row, 10); launched != 0) i.launched_at = from_millis(launched);
  return i;
}

const Statement& fence_statement() {
  static const Statement s{"fence",
                           "SELECT token FROM lemmy_leases WHERE name = $1 AND token = $2 FOR SHARE"};
  return s;
}

void add_fence(Batch& batch, const Fence& fence) {
  if (!fence.lease.empty()) batch.add(fence_statement(), {fence.lease, fence.token});
}

std::string fenced(int n) {
  return fmt::format(
      "(${0}::text = '' OR EXISTS (SELECT FROM lemmy_leases l WHERE l.name = ${0}::text AND l.token = ${1}))",
      n, n + 1);
}

}  // namespace postgres

namespace {

using namespace postgres;

const Statement kEnter{"enter_instance", std::string(kEnterDelivery) + " SELECT seq FROM entered"};
// As with_call of domain/instance.h.
const Statement kEnterCall{
    "enter_call",
    std::string(kEnterDelivery) +
        ", called AS (INSERT INTO lemmy_instances AS i (project, environment, id, address, identity, "
        "first_asked_at, asked_at, asked, answered, open, result, launched_at) SELECT $10::text, $11::text, "
        "$12::text, $13::text, $14::text, $15::bigint, $15::bigint, 1, 0, false, '', $16::bigint FROM "
        "entered "
        "ON CONFLICT (project, environment, id) DO UPDATE SET "
        "address = CASE excluded.address WHEN '' THEN i.address ELSE excluded.address END, "
        "identity = excluded.identity, asked = i.asked + 1, "
        "launched_at = greatest(i.launched_at, excluded.launched_at), "
        "asked_at = greatest(i.asked_at, excluded.asked_at)) SELECT seq FROM entered"};
const Statement kRecord{"record",
                        "UPDATE lemmy_instances SET answered = $4, open = $5, result = $6 "
                        "WHERE project = $1 AND environment = $2 AND id = $3 AND " +
                            fenced(7)};
const Statement kInstance{"instance", fmt::format("SELECT {} FROM lemmy_instances WHERE project = $1 AND "
                                                  "environment = $2 AND id = $3",
                                                  kInstanceColumns)};
const Statement kUnsettled{"unsettled_instances",
                           fmt::format("SELECT {} FROM lemmy_instances WHERE open OR asked > answered "
                                       "ORDER BY project, environment, id",
                                       kInstanceColumns)};
const Statement kLease{"lease", "SELECT holder, token, revision FROM lemmy_leases WHERE name = $1"};
const Statement kTake{"take_lease",
                      "INSERT INTO lemmy_leases VALUES ($1, $2, $3, 1) ON CONFLICT (name) DO NOTHING "
                      "RETURNING revision"};
const Statement kSwap{"swap_lease",
                      "UPDATE lemmy_leases SET holder = $2, token = $3, revision = revision + 1 "
                      "WHERE name = $1 AND revision = $4 RETURNING revision"};

Statement page_of_instances(bool project, bool environment) {
  std::string of;
  if (project) of += " AND project = $6";
  if (environment) of += fmt::format(" AND environment = ${}", project ? 7 : 6);
  return {fmt::format("instances_{}{}", project ? "p" : "", environment ? "e" : ""),
          fmt::format("SELECT {} FROM lemmy_instances WHERE (asked_at < $1 OR (asked_at = $1 AND "
                      "(project, environment, id) > ($2, $3, $4))){} "
                      "ORDER BY asked_at DESC, project, environment, id LIMIT $5",
                      kInstanceColumns, of)};
}
const Statement kPages[] = {page_of_instances(false, false), page_of_instances(true, false),
                            page_of_instances(false, true), page_of_instances(true, true)};

Result<std::vector<Instance>> read_instances(const Result<Answers>& rows) {
  if (!rows) return fail(rows.error());
  std::vector<Instance> out;
  for (int row = 0; row < rows->at(0).size(); ++row) {
    auto i = read_instance(rows->at(0), row);
    if (!i) return fail(i.error());
    out.push_back(std::move(*i));
  }
  return out;
}

}  // namespace

Task<Result<Accepted>> PostgresStore::accept_instance(Delivery delivery, std::optional<InstanceCall> call) {
  Batch batch;
  auto values = delivery_values(delivery);
  if (call) {
    for (const std::string& text :
         {call->target.project, call->target.environment, call->id, call->address, call->identity})
      values.emplace_back(text);
    values.emplace_back(to_millis(call->at));
    values.emplace_back(call->launched_at ? to_millis(*call->launched_at) : int64_t{0});
    batch.add(kEnterCall, std::move(values));
    tell(batch, call->target.project, call->target.environment);
  } else {
    batch.add(kEnter, std::move(values));
  }
  co_return co_await enter(std::move(delivery), std::move(batch));
}

Task<Result<>> PostgresStore::record_instances(std::vector<Instance> instances, Fence fence) {
  // In one order, so that two who write the same ones do not wait for each other.
  std::ranges::sort(instances, {}, [](const Instance& i) { return std::tie(i.target, i.id); });
  Batch batch;
  add_fence(batch, fence);
  std::set<Target> targets;
  for (const Instance& i : instances) {
    batch.add(kRecord, {i.target.project, i.target.environment, i.id, i.result.answered, is_open(i),
                        body_of(to_json(i)), fence.lease, fence.token});
    targets.insert(i.target);
  }
  for (const Target& t : targets) tell(batch, t.project, t.environment);
  if (batch.items.empty()) co_return Result<>{};
  auto rows = co_await writer_->run(std::move(batch));
  if (!rows) co_return fail(rows.error());
  if (!fence.lease.empty() && rows->at(0).empty()) co_return lost_lease(fence.lease);
  co_return Result<>{};
}

Task<Result<Listing<Instance>>> PostgresStore::instances(std::string project, std::string environment,
                                                         Page page) {
  auto last = instance_cursor(page);
  if (!last) co_return bad_cursor(page);
  const int64_t limit = limit_of(page);
  std::vector<Value> values{last->at, last->project, last->environment, last->id, limit + 1};
  if (!project.empty()) values.emplace_back(project);
  if (!environment.empty()) values.emplace_back(environment);
  const Statement& s = kPages[(project.empty() ? 0 : 1) + (environment.empty() ? 0 : 2)];
  auto items = read_instances(co_await reader_->run(one(s, std::move(values))));
  if (!items) co_return fail(items.error());
  Listing<Instance> out;
  out.items = std::move(*items);
  if (out.items.size() > static_cast<size_t>(limit)) {
    out.items.pop_back();
    out.next = cursor_of(out.items.back());
  }
  co_return out;
}

Task<Result<Instance>> PostgresStore::instance(Target target, std::string id) {
  auto found =
      read_instances(co_await reader_->run(one(kInstance, {target.project, target.environment, id})));
  if (!found) co_return fail(found.error());
  if (found->empty()) co_return no_such_instance(target, id);
  co_return std::move(found->front());
}

Task<Result<std::vector<Instance>>> PostgresStore::unsettled_instances() {
  co_return read_instances(co_await reader_->run(one(kUnsettled, {})));
}

Task<Result<Lease>> PostgresStore::lease(std::string name) {
  auto rows = co_await reader_->run(one(kLease, {name}));
  if (!rows) co_return fail(rows.error());
  const Rows& r = rows->at(0);
  Lease l;
  l.name = name;
  if (r.empty()) co_return l;
  l.holder = r.text(0, 0);
  l.token = r.number(0, 1);
  l.revision = r.number(0, 2);
  co_return l;
}

Task<Result<Lease>> PostgresStore::swap_lease(Lease lease) {
  std::vector<Value> values{lease.name, lease.holder, lease.token};
  if (lease.revision != 0) values.emplace_back(lease.revision);
  Batch batch;
  batch.add(lease.revision == 0 ? kTake : kSwap, std::move(values));
  auto rows = co_await writer_->run(std::move(batch));
  if (!rows) co_return fail(rows.error());
  if (rows->at(0).empty()) co_return stale_lease(lease.name);
  ++lease.revision;
  co_return lease;
}

}  // namespace lemmy::store
