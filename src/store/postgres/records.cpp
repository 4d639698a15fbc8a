// Everything that is kept, as records.
#include "store/records.h"

#include "base/crypto.h"
#include "store/postgres/postgres_store.h"
#include "store/postgres/schema.h"
#include "store/postgres/sql.h"

namespace lemmy::store {
namespace {

using namespace postgres;

const Statement kLoadBuild{
    "load_build",
    "INSERT INTO lemmy_builds VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (project, sha) "
    "DO UPDATE SET branch = excluded.branch, image = excluded.image, url = excluded.url, "
    "author = excluded.author, message = excluded.message, first_pushed_at = excluded.first_pushed_at, "
    "pushed_at = excluded.pushed_at"};
const Statement kLoadDelivery{
    "load_delivery",
    "INSERT INTO lemmy_deliveries (hook, id, verdict, at, sender, caller, project, body, why, seq) "
    "OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (seq) "
    "DO UPDATE SET hook = excluded.hook, id = excluded.id, verdict = excluded.verdict, at = excluded.at, "
    "sender = excluded.sender, caller = excluded.caller, project = excluded.project, "
    "body = excluded.body, why = excluded.why"};
const Statement kLoadDeploy{
    "load_deploy",
    "INSERT INTO lemmy_deploys (project, environment, number, revision, unsettled, request_id, body) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (project, environment, number) DO UPDATE SET "
    "revision = excluded.revision, unsettled = excluded.unsettled, request_id = excluded.request_id, "
    "body = excluded.body"};
const Statement kLoadEvent{
    "load_event",
    "INSERT INTO lemmy_events (project, environment, number, seq, body) OVERRIDING SYSTEM VALUE "
    "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (seq) DO UPDATE SET project = excluded.project, "
    "environment = excluded.environment, number = excluded.number, body = excluded.body"};
// What is loaded by its number is never numbered again.
const Statement kRaiseTarget{"raise_target",
                             "INSERT INTO lemmy_targets AS t VALUES ($1, $2, $3) "
                             "ON CONFLICT (project, environment) "
                             "DO UPDATE SET last = greatest(t.last, excluded.last)"};
const Statement kLoadEntry{"load_entry",
                           "INSERT INTO lemmy_entries VALUES ($1, $2, $3, $4) ON CONFLICT (kind, key) "
                           "DO UPDATE SET revision = excluded.revision, body = excluded.body"};
const Statement kLoadItem{
    "load_item",
    "INSERT INTO lemmy_feed (seq, id, project, environment, number, at, kind, body) OVERRIDING SYSTEM VALUE "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (seq) DO UPDATE SET id = excluded.id, "
    "project = excluded.project, environment = excluded.environment, number = excluded.number, "
    "at = excluded.at, kind = excluded.kind, body = excluded.body"};
const Statement kLoadDocument{"load_document",
                              "INSERT INTO lemmy_documents VALUES ($1, $2, $3, $4, $5, $6) "
                              "ON CONFLICT (project, environment, number, name) "
                              "DO UPDATE SET size = excluded.size, body = excluded.body"};
const Statement kLoadInstance{
    "load_instance",
    "INSERT INTO lemmy_instances (project, environment, id, address, identity, first_asked_at, asked_at, "
    "asked, answered, open, result, launched_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) "
    "ON CONFLICT (project, environment, id) DO UPDATE SET address = excluded.address, "
    "identity = excluded.identity, first_asked_at = excluded.first_asked_at, asked_at = excluded.asked_at, "
    "asked = excluded.asked, answered = excluded.answered, open = excluded.open, "
    "result = excluded.result, launched_at = excluded.launched_at"};

std::string sequence_of(const std::string& table) { return "pg_get_serial_sequence('" + table + "', 'seq')"; }

// New rows are numbered behind those that came with their numbers.
void number_behind(Batch& batch, const std::string& sequence, int64_t seq) {
  if (seq == 0) return;
  batch.add(fmt::format("SELECT setval({0}, greatest($1::bigint, "
                        "coalesce(pg_sequence_last_value({0}::regclass), 1)))",
                        sequence),
            {seq});
}

struct Loading {
  Batch batch;
  int64_t delivery = 0, event = 0, item = 0, revision = 0;  // the highest numbers

  void add(const Build& b, int64_t) {
    std::vector<Value> values{b.project, b.sha, b.branch, b.image, b.url, b.author};
    values.emplace_back(Bytes{b.message});
    values.emplace_back(to_millis(b.first_pushed_at));
    values.emplace_back(to_millis(b.pushed_at));
    batch.add(kLoadBuild, std::move(values));
  }
  void add(const Delivery& d, int64_t) {
    auto values = delivery_values(d);
    values.emplace_back(d.seq);
    batch.add(kLoadDelivery, std::move(values));
    delivery = std::max(delivery, d.seq);
  }
  void add(const LastNumber& n, int64_t) {
    batch.add(kRaiseTarget, {n.target.project, n.target.environment, n.last});
  }
  void add(const KeptDeploy& kept, int64_t) {
    const Deploy& d = kept.deploy;
    batch.add(kLoadDeploy, {d.target.project, d.target.environment, d.number, d.revision, unsettled(d),
                            d.request_id, kept.body});
    batch.add(kRaiseTarget, {d.target.project, d.target.environment, d.number});
  }
  void add(const KeptEvent& kept, int64_t) {
    const DeployEvent& e = kept.event;
    batch.add(kLoadEvent, {e.target.project, e.target.environment, e.number, e.seq, kept.body});
    event = std::max(event, e.seq);
  }
  void add(const Document& d, int64_t size) {  // compressed
    std::vector<Value> values{d.target.project, d.target.environment, d.number, d.name, size};
    values.emplace_back(Bytes{d.text});
    batch.add(kLoadDocument, std::move(values));
  }
  void add(const Instance& i, int64_t) {
    batch.add(kLoadInstance,
              {i.target.project, i.target.environment, i.id, i.address, i.identity,
               to_millis(i.first_asked_at), to_millis(i.asked_at), i.asked, i.result.answered, is_open(i),
               body_of(to_json(i)), i.launched_at ? to_millis(*i.launched_at) : int64_t{0}});
  }
  void add(const Entry& e, int64_t) {
    batch.add(kLoadEntry, {e.kind, e.key, e.revision, body_of(e.body)});
    revision = std::max(revision, e.revision);
    item = std::max(item, feed_seq_in(e));
  }
  void add(const FeedItem& i, int64_t) {
    batch.add(kLoadItem, {i.seq, i.id, i.target.project, i.target.environment, i.number, to_millis(i.at),
                          i.kind, body_of(i.body)});
    item = std::max(item, i.seq);
  }
};

Target target_of(const Rows& r, int row) { return {r.text(row, 0), r.text(row, 1)}; }

struct Source {
  std::string columns, table;
  Result<Record> (*read)(const Rows&, int);
};

Source source_of(RecordKind kind) {
  switch (kind) {
    case RecordKind::build:
      return {kBuildColumns, "lemmy_builds",
              [](const Rows& r, int row) -> Result<Record> { return record_of(read_build(r, row)); }};
    case RecordKind::delivery:
      return {kDeliveryColumns, "lemmy_deliveries",
              [](const Rows& r, int row) -> Result<Record> { return record_of(read_delivery(r, row)); }};
    case RecordKind::target:
      return {"project, environment, last", "lemmy_targets", [](const Rows& r, int row) -> Result<Record> {
                return record_of(LastNumber{target_of(r, row), r.number(row, 2)});
              }};
    case RecordKind::deploy:
      return {"project, environment, number, revision, body", "lemmy_deploys", [](const Rows& r, int row) {
                return deploy_record(target_of(r, row), r.number(row, 2), r.number(row, 3), r.text(row, 4));
              }};
    case RecordKind::event:
      return {"project, environment, number, seq, body", "lemmy_events", [](const Rows& r, int row) {
                return event_record(target_of(r, row), r.number(row, 2), r.number(row, 3), r.text(row, 4));
              }};
    case RecordKind::document:
      return {"project, environment, number, name, size, body", "lemmy_documents",
              [](const Rows& r, int row) -> Result<Record> {
                Document d{target_of(r, row), r.number(row, 2), r.text(row, 3), ""};
                auto text = unpack(r.text(row, 5), r.number(row, 4), place(d.target, d.number), d.name);
                if (!text) return fail(text.error());
                d.text = std::move(*text);
                return record_of(d);
              }};
    case RecordKind::entry:
      return {"kind, key, revision, body", "lemmy_entries", [](const Rows& r, int row) -> Result<Record> {
                auto e = stored_entry(r.text(row, 0), r.text(row, 1), r.number(row, 2), r.text(row, 3));
                if (!e) return fail(e.error());
                return record_of(*e);
              }};
    case RecordKind::feed:
      return {kFeedColumns, "lemmy_feed", [](const Rows& r, int row) -> Result<Record> {
                auto i = read_item(r, row);
                if (!i) return fail(i.error());
                return record_of(*i);
              }};
    case RecordKind::instance:
      break;
  }
  return {kInstanceColumns, "lemmy_instances", [](const Rows& r, int row) -> Result<Record> {
            auto i = read_instance(r, row);
            if (!i) return fail(i.error());
            return record_of(*i);
          }};
}

}  // namespace

Task<Result<Listing<Record>>> PostgresStore::dump(RecordKind kind, Page page) {
  auto after = sort_values(kind, page);
  if (!after) co_return bad_cursor(page);
  if (reading_ && moment_.empty()) {
    auto begun = co_await begin_moment();
    if (!begun) co_return fail(begun.error());
  }
  const Source source = source_of(kind);
  const std::string key = sorting_of(kind).list();
  const int limit = limit_of(page);
  std::vector<Value> values{int64_t{limit} + 1};
  std::vector<std::string> marks;
  for (const SortValue& v : *after) {
    std::visit([&](const auto& value) { values.emplace_back(value); }, v);
    marks.push_back(fmt::format("${}", values.size()));
  }
  std::string rows =
      fmt::format("SELECT * FROM {} {} ORDER BY {} LIMIT $1", source.table,
                  after->empty() ? "" : fmt::format("WHERE ({}) > ({})", key, join(marks, ", ")), key);
  if (kind == RecordKind::document)  // those that begin within the size of a page
    rows = fmt::format(
        "SELECT * FROM (SELECT *, sum(size) OVER (ORDER BY {}) - size AS before FROM ({}) r) s "
        "WHERE before < {}",
        key, rows, kPageBytes);
  Batch batch;
  batch.add("SELECT coalesce(current_setting('lemmy.moment', true), '')");
  batch.add(fmt::format("SELECT {} FROM ({}) t ORDER BY {}", source.columns, rows, key), std::move(values));
  auto answers = co_await reader_->run(std::move(batch));
  if (!answers) co_return fail(answers.error());
  if (answers->at(0).text(0, 0) != moment_)
    co_return fail(ErrorCode::unavailable, "the database", "the connection was lost on the way",
                   "begin again: what follows would be of another moment");
  const Rows& r = answers->at(1);
  // Reading may unpack 16 MiB.
  co_return co_await packing_.run([&]() -> Result<Listing<Record>> {
    Listing<Record> out;
    size_t bytes = 0;
    for (int row = 0; row < std::min(r.size(), limit); ++row) {
      auto record = source.read(r, row);
      if (!record) return fail(record.error());
      if (kind == RecordKind::document) bytes += static_cast<size_t>(r.number(row, 4));
      out.items.push_back(std::move(*record));
    }
    if (r.size() > limit || bytes >= kPageBytes) out.next = out.items.back().key;
    return out;
  });
}

Task<Result<>> PostgresStore::load(std::vector<Record> records) {
  auto read = co_await packing_.run([&records] { return read_packed(records); });
  if (!read) co_return fail(read.error());
  Loading loading;
  for (const Packed& p : *read)
    std::visit([&](const auto& content) { loading.add(content, p.size); }, p.content);
  number_behind(loading.batch, sequence_of("lemmy_deliveries"), loading.delivery);
  number_behind(loading.batch, sequence_of("lemmy_events"), loading.event);
  number_behind(loading.batch, sequence_of("lemmy_feed"), loading.item);
  number_behind(loading.batch, "'lemmy_revisions'", loading.revision);
  if (loading.batch.items.empty()) co_return Result<>{};
  auto done = co_await writer_->run(std::move(loading.batch));
  if (!done) co_return fail(done.error());
  co_return Result<>{};
}

// A transaction that stays open on the one connection for reads.
Task<Result<>> PostgresStore::begin_moment() {
  const std::string name = random_hex(8);
  Batch batch;
  batch.add("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
  batch.add("SELECT set_config('lemmy.moment', $1, true)", {name});
  auto begun = co_await reader_->run(std::move(batch));
  if (!begun) co_return fail(begun.error());
  moment_ = name;
  co_return Result<>{};
}

Task<Result<std::unique_ptr<PostgresStore>>> PostgresStore::open_reading(asio::any_io_executor loop,
                                                                         Address address, Settings settings) {
  auto c = co_await Connection::open(loop, address, settings.connect, settings.statement);
  if (!c) co_return fail(c.error());
  auto found = co_await find_schema(*c, settings.answer);
  if (!found) co_return fail(found.error());
  if (found->version != newest_schema())
    co_return fail(ErrorCode::conflict, address.shown,
                   found->version == 0 ? "there are no tables of Lemmy"
                                       : fmt::format("the database has schema {}, this Lemmy reads {}",
                                                     found->version, newest_schema()),
                   "lemmy store migrate " + address.shown);
  settings.readers = 1;
  // Between two pages what was read is written somewhere else.
  settings.statement = milliseconds{600'000};
  settings.answer = milliseconds{610'000};
  std::unique_ptr<PostgresStore> s(
      new PostgresStore(loop, std::move(address), settings, std::move(found->channel)));
  s->writer_->stop();
  s->reading_ = true;
  co_return s;
}

}  // namespace lemmy::store
