// Entries, and what is written together.
#include "store/postgres/postgres_store.h"
#include "store/postgres/sql.h"

namespace lemmy::store {
namespace {

using namespace postgres;

const Statement kEntry{"entry", "SELECT revision, body FROM lemmy_entries WHERE kind = $1 AND key = $2"};
const Statement kEntries{"entries",
                         "SELECT key, revision, body FROM (SELECT *, sum(octet_length(body)) OVER (ORDER BY "
                         "key) - octet_length(body) "
                         "AS before FROM (SELECT key, revision, body FROM lemmy_entries WHERE kind = $1 AND "
                         "key >= $2 AND key < $3 "
                         "ORDER BY key LIMIT $4) r) s WHERE before < $5 ORDER BY key"};

// Whoever writes several things takes them in this order, and so no two wait for each other: the lease, a
// target, deploys, entries, the feed.
const Statement kFence{
    "must_fence",
    "WITH done AS (SELECT token AS x FROM lemmy_leases WHERE name = $1 AND token = $2 FOR SHARE)" +
        must_be_one(3)};
const Statement kMake{"must_make",
                      make_deploy_sql() + ", done AS (SELECT number AS x FROM made)" + must_be_one(7)};
const Statement kChange{
    "must_change", change_deploy_sql() + ", done AS (SELECT number AS x FROM changed)" + must_be_one(10)};
const Statement kInsert{
    "must_insert_entry",
    "WITH done AS (INSERT INTO lemmy_entries VALUES ($1, $2, nextval('lemmy_revisions'), $3) "
    "ON CONFLICT (kind, key) DO NOTHING RETURNING revision AS x)" +
        must_be_one(4)};
const Statement kReplace{
    "must_replace_entry",
    "WITH done AS (UPDATE lemmy_entries SET revision = nextval('lemmy_revisions'), body = $3 "
    "WHERE kind = $1 AND key = $2 AND revision = $5 RETURNING revision AS x)" +
        must_be_one(4)};
const Statement kRemove{
    "must_remove_entry",
    "WITH done AS (DELETE FROM lemmy_entries WHERE kind = $1 AND key = $2 AND revision = $3 "
    "RETURNING revision AS x)" +
        must_be_one(4)};

struct Labelled {
  const Entry* entry;
  bool remove;
  size_t place;  // in its list
};

// The batch of a write, and where the answers to its entries are.
struct Composed {
  Batch batch;
  std::vector<std::pair<size_t, size_t>> revisions;  // place in Writes::put, statement
  std::set<Target> told;
};

void add_entries(Composed& c, const Writes& w) {
  std::vector<Labelled> all;
  for (size_t i = 0; i < w.put.size(); ++i) all.push_back({&w.put[i], false, i});
  for (size_t i = 0; i < w.remove.size(); ++i) all.push_back({&w.remove[i], true, i});
  std::ranges::sort(all, {}, [](const Labelled& l) { return std::tie(l.entry->kind, l.entry->key); });
  for (const Labelled& l : all) {
    const Entry& e = *l.entry;
    const std::string label = fmt::format("{} {}", l.remove ? "remove" : "put", l.place);
    if (l.remove) {
      c.batch.add(kRemove, {e.kind, e.key, e.revision, label});
      continue;
    }
    c.revisions.emplace_back(l.place, c.batch.items.size());
    if (e.revision == 0)
      c.batch.add(kInsert, {e.kind, e.key, body_of(e.body), label});
    else
      c.batch.add(kReplace, {e.kind, e.key, body_of(e.body), label, e.revision});
  }
}

void add_changes(Composed& c, const Writes& w, const Fence& fence, std::vector<std::string>& bodies) {
  std::vector<size_t> order;
  for (size_t i = 0; i < w.change.size(); ++i) {
    order.push_back(i);
    Deploy d = w.change[i].deploy;
    ++d.revision;
    bodies.push_back(body_of(to_json(d)));
    c.told.insert(d.target);
  }
  std::ranges::sort(order, {},
                    [&](size_t i) { return std::tie(w.change[i].deploy.target, w.change[i].deploy.number); });
  for (size_t i : order) {
    auto values = change_deploy_values(w.change[i].deploy, bodies[i], w.change[i].events, fence);
    values.emplace_back(fmt::format("deploy {}", i));
    c.batch.add(kChange, std::move(values));
  }
}

// What a transaction was given up for: the label of the statement.
Error named(Error e, const Writes& w, const Fence& fence) {
  const std::string_view label = e.detail;
  const auto n = static_cast<size_t>(number_in(label.substr(label.find(' ') + 1)).value_or(0));
  if (label == "fence") return lost_lease(fence.lease).error();
  if (label.starts_with("deploy ") && n < w.change.size())
    return stale_deploy(w.change[n].deploy.target, w.change[n].deploy.number).error();
  if (label.starts_with("put ") && n < w.put.size()) return stale_entry(w.put[n]).error();
  if (label.starts_with("remove ") && n < w.remove.size()) return stale_entry(w.remove[n]).error();
  return e;
}

}  // namespace

Task<Result<Entry>> PostgresStore::entry(std::string kind, std::string key) {
  auto rows = co_await reader_->run(one(kEntry, {kind, key}));
  if (!rows) co_return fail(rows.error());
  const Rows& r = rows->at(0);
  if (!r.empty()) co_return stored_entry(kind, key, r.number(0, 0), r.text(0, 1));
  Entry none;
  none.kind = std::move(kind);
  none.key = std::move(key);
  co_return none;
}

Task<Result<Listing<Entry>>> PostgresStore::entries(std::string kind, std::string prefix, Page page) {
  if (auto ok = check_entries_page(kind, prefix, page); !ok) co_return fail(ok.error());
  const KeyRange range = key_range(prefix, page);
  const int limit = limit_of(page);
  auto rows = co_await reader_->run(
      one(kEntries, {kind, range.from, range.below, int64_t{limit} + 1, kPageOfEntries}));
  if (!rows) co_return fail(rows.error());
  const Rows& r = rows->at(0);
  Listing<Entry> out;
  int64_t bytes = 0;
  for (int row = 0; row < std::min(r.size(), limit); ++row) {
    const std::string body = r.text(row, 2);
    bytes += static_cast<int64_t>(body.size());
    auto e = stored_entry(kind, r.text(row, 0), r.number(row, 1), body);
    if (!e) co_return fail(e.error());
    out.items.push_back(std::move(*e));
  }
  if (r.size() > limit || bytes >= kPageOfEntries) out.next = out.items.back().key;
  co_return out;
}

Task<Result<Written>> PostgresStore::write_all(Writes w, Fence fence) {
  if (auto ok = check_writes(w); !ok) co_return fail(ok.error());
  Composed c;
  if (!fence.lease.empty()) c.batch.add(kFence, {fence.lease, fence.token, std::string("fence")});
  size_t made = 0;
  if (w.make) {
    for (auto& item : lock_target(w.make->deploy.target).items) c.batch.items.push_back(std::move(item));
    made = c.batch.items.size();
    auto values = make_deploy_values(w.make->deploy, w.make->first);
    values.emplace_back(std::string("made"));
    c.batch.add(kMake, std::move(values));
    c.told.insert(w.make->deploy.target);
  }
  std::vector<std::string> bodies;
  add_changes(c, w, fence, bodies);
  add_entries(c, w);
  for (const FeedItem& i : w.tell) c.told.insert(i.target);
  append(c.batch, w.tell);
  for (const Target& t : c.told) tell(c.batch, t.project, t.environment);
  Written out;
  if (c.batch.items.empty()) co_return out;
  auto rows = co_await writer_->run(std::move(c.batch));
  if (!rows && rows.error().code == ErrorCode::conflict && rows.error().detail == "made") {
    auto known = co_await deploy_of_request(w.make->deploy.target, w.make->deploy.request_id);
    if (!known) co_return fail(known.error());
    out.made = std::move(*known);
    out.known = true;
    co_return out;
  }
  if (!rows) co_return fail(named(rows.error(), w, fence));
  if (w.make) {
    auto d = read_deploy(body_of(to_json(w.make->deploy)), rows->at(made).number(0, 0), 1);
    if (!d) co_return fail(d.error());
    out.made = std::move(*d);
  }
  for (const std::string& body : bodies) {
    auto d = stored_deploy(body);
    if (!d) co_return fail(d.error());
    out.changed.push_back(std::move(*d));
  }
  out.put.resize(w.put.size());
  for (auto [at, statement] : c.revisions) out.put[at] = rows->at(statement).number(0, 0);
  co_return out;
}

}  // namespace lemmy::store
