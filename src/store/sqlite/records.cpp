// Everything that is kept, as records.
#include "store/records.h"

#include "base/strings.h"
#include "store/sqlite/hashes.h"
#include "store/sqlite/rows.h"

namespace lemmy::store {
namespace {

Target target_of(Statement& s) { return {s.getColumn(0).getString(), s.getColumn(1).getString()}; }

template <class T>
Result<Record> as_record(const Result<T>& read) {
  if (!read) return fail(read.error());
  return record_of(*read);
}

Result<Record> read_document(Statement& s) {
  Document d{target_of(s), s.getColumn(2).getInt64(), s.getColumn(3).getString(), ""};
  SQLite::Column body = s.getColumn(5);
  std::string_view packed(static_cast<const char*>(body.getBlob()), body.getBytes());
  auto text = unpack(packed, s.getColumn(4).getInt64(), place(d.target, d.number), d.name);
  if (!text) return fail(text.error());
  d.text = std::move(*text);
  return record_of(d);
}

struct Source {
  std::string columns, table;
  Result<Record> (*read)(Statement&);
  const char* row =
      nullptr;  // the column that it is told in the order of, when no index has that of the key; the last one
};

Source source_of(RecordKind kind) {
  switch (kind) {
    case RecordKind::build:
      return {"body, pushed_at, n", "builds", [](Statement& s) { return as_record(read_build(s)); }, "n"};
    case RecordKind::delivery:
      return {kDeliveryColumns, "deliveries",
              [](Statement& s) -> Result<Record> { return record_of(read_delivery(s)); }};
    case RecordKind::target:
      return {"project, environment, last", "targets", [](Statement& s) -> Result<Record> {
                return record_of(LastNumber{target_of(s), s.getColumn(2).getInt64()});
              }};
    case RecordKind::deploy:
      return {"project, environment, number, revision, body", "deploys", [](Statement& s) {
                return deploy_record(target_of(s), s.getColumn(2).getInt64(), s.getColumn(3).getInt64(),
                                     s.getColumn(4).getString());
              }};
    case RecordKind::event:
      return {"project, environment, number, seq, body", "events", [](Statement& s) {
                return event_record(target_of(s), s.getColumn(2).getInt64(), s.getColumn(3).getInt64(),
                                    s.getColumn(4).getString());
              }};
    case RecordKind::document:
      return {"project, environment, number, name, size, body", "documents", read_document};
    case RecordKind::entry:
      return {"kind, key, revision, body", "entries", [](Statement& s) {
                return as_record(stored_entry(s.getColumn(0).getString(), s.getColumn(1).getString(),
                                              s.getColumn(2).getInt64(), s.getColumn(3).getString()));
              }};
    case RecordKind::feed:
      return {kFeedColumns, "feed", [](Statement& s) { return as_record(read_item(s)); }};
    case RecordKind::instance:
      break;
  }
  return {kInstanceColumns, "instances", [](Statement& s) { return as_record(read_instance(s)); }};
}

void bind_all(Statement& s, const std::vector<SortValue>& values) {
  int n = 0;
  for (const SortValue& v : values) std::visit([&](const auto& value) { s.bind(++n, value); }, v);
}

// --- writing

void write(DB& db, const Build& b, int64_t) { put_build(db, b); }

void write(DB& db, const Delivery& d, int64_t) {
  // Not REPLACE: that would take away another entry with the same id.
  Statement s(
      db,
      "INSERT INTO deliveries (hook, id, verdict, at, sender, caller, project, body, why, seq, hash) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (seq) DO UPDATE SET hook = excluded.hook, "
      "id = excluded.id, verdict = excluded.verdict, at = excluded.at, sender = excluded.sender, "
      "caller = excluded.caller, project = excluded.project, body = excluded.body, "
      "why = excluded.why, hash = excluded.hash");
  bind_delivery(s, d);
  s.bind(10, d.seq);
  s.bind(11, delivery_hash(d.hook, d.id));
  s.exec();
}

void write(DB& db, const LastNumber& n, int64_t) { raise_number(db, n.target, n.last); }

void write(DB& db, const KeptDeploy& kept, int64_t) {
  const Deploy& d = kept.deploy;
  Statement s(db,
              "INSERT INTO deploys VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (project, environment, number) "
              "DO UPDATE SET revision = excluded.revision, unsettled = excluded.unsettled, "
              "request_id = excluded.request_id, body = excluded.body");
  bind_target(s, d.target, d.number);
  s.bind(4, d.revision);
  s.bind(5, unsettled(d) ? 1 : 0);
  s.bind(6, d.request_id);
  s.bind(7, kept.body);
  s.exec();
  raise_number(db, d.target, d.number);
}

void write(DB& db, const KeptEvent& kept, int64_t) {
  Statement s(db,
              "INSERT OR REPLACE INTO events (project, environment, number, seq, body) "
              "VALUES (?, ?, ?, ?, ?)");
  bind_target(s, kept.event.target, kept.event.number);
  s.bind(4, kept.event.seq);
  s.bind(5, kept.body);
  s.exec();
}

void write(DB& db, const Document& d, int64_t size) {  // compressed
  put_document(db, d.target, d.number, d.name, size, d.text);
}

void write(DB& db, const Instance& i, int64_t) {
  Statement s(db, "INSERT OR REPLACE INTO instances VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)");
  s.bind(1, i.target.project);
  s.bind(2, i.target.environment);
  s.bind(3, i.id);
  s.bind(4, to_millis(i.asked_at));
  s.bind(5, i.asked);
  s.bind(6, i.result.answered);
  s.bind(7, is_open(i) ? 1 : 0);
  s.bind(8, body_of(to_json(i)));
  s.exec();
}

// New items of the feed are numbered behind this one.
void raise_feed(DB& db, int64_t seq) {
  Statement there(db, "SELECT seq FROM sqlite_sequence WHERE name = 'feed'");
  const bool known = there.executeStep();
  if (seq == 0 || (known && there.getColumn(0).getInt64() >= seq)) return;
  Statement s(db, known ? "UPDATE sqlite_sequence SET seq = ? WHERE name = 'feed'"
                        : "INSERT INTO sqlite_sequence (seq, name) VALUES (?, 'feed')");
  s.bind(1, seq);
  s.exec();
}

void write(DB& db, const Entry& e, int64_t) {
  Statement s(db, "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)");
  s.bind(1, e.kind);
  s.bind(2, e.key);
  s.bind(3, e.revision);
  s.bind(4, body_of(e.body));
  s.exec();
  Statement behind(db, "UPDATE revisions SET last = max(last, ?)");
  behind.bind(1, e.revision);
  behind.exec();
  raise_feed(db, feed_seq_in(e));
}

void write(DB& db, const FeedItem& i, int64_t) {
  Statement gone(db, "DELETE FROM feed WHERE seq = ?");
  gone.bind(1, i.seq);
  gone.exec();
  append(db, i);
}

}  // namespace

Task<Result<Listing<Record>>> SqliteStore::dump(RecordKind kind, Page page) {
  return reader_->run<Listing<Record>>([=](DB& db) -> Result<Listing<Record>> {
    const Source source = source_of(kind);
    std::optional<std::vector<SortValue>> after;
    if (!source.row)
      after = sort_values(kind, page);
    else if (page.after.empty())
      after.emplace();
    else if (auto row = number_in(page.after))
      after = std::vector<SortValue>{*row};
    if (!after) return bad_cursor(page);
    const std::string key = source.row ? source.row : sorting_of(kind).list();
    std::string where;
    if (!after->empty()) {
      const std::vector<std::string> marks(after->size(), "?");
      where = fmt::format("WHERE ({}) > ({})", key, join(marks, ", "));
    }
    Statement s(db,
                fmt::format("SELECT {} FROM {} {} ORDER BY {}", source.columns, source.table, where, key));
    bind_all(s, *after);
    Listing<Record> out;
    int64_t row = 0;
    for (size_t bytes = 0; s.executeStep();) {
      if (out.items.size() == static_cast<size_t>(limit_of(page)) || bytes >= kPageBytes) {
        out.next = source.row ? std::to_string(row) : out.items.back().key;
        break;
      }
      if (source.row) row = s.getColumn(s.getColumnCount() - 1).getInt64();
      auto record = source.read(s);
      if (!record) return fail(record.error());
      bytes += record->body.size();
      out.items.push_back(std::move(*record));
    }
    return out;
  });
}

Task<Result<>> SqliteStore::load(std::vector<Record> records) {
  auto read = co_await packing_.run([&records] { return read_packed(records); });
  if (!read) co_return fail(read.error());
  co_return co_await writer_->run<void>([all = std::move(*read)](DB& db) -> Result<> {
    for (const Packed& p : all)
      std::visit([&](const auto& content) { write(db, content, p.size); }, p.content);
    return {};
  });
}

}  // namespace lemmy::store
