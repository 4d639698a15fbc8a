// Builds and the ledger of hook calls.
#include "domain/names.h"
#include "store/sqlite/hashes.h"
#include "store/sqlite/rows.h"

namespace lemmy::store {

const char* const kDeliveryColumns = "seq, hook, id, verdict, at, sender, caller, project, body, why";

Result<Build> read_build(Statement& s) {
  auto v = parse_json(s.getColumn(0).getString(), "stored build");
  if (!v) return fail(v.error());
  if (!v->is_object()) return fail(ErrorCode::internal, "stored build", "it is not a JSON object");
  Build b = build_from_json(v->get_object());
  // Cursors are made of it, so it must be what the index is sorted by.
  b.pushed_at = from_millis(s.getColumn(1).getInt64());
  return b;
}

Delivery read_delivery(Statement& s) {
  Delivery d;
  d.seq = s.getColumn(0).getInt64();
  d.hook = s.getColumn(1).getString();
  d.id = s.getColumn(2).getString();
  d.verdict = s.getColumn(3).getString();
  d.at = from_millis(s.getColumn(4).getInt64());
  d.from = s.getColumn(5).getString();
  d.caller = s.getColumn(6).getString();
  d.project = s.getColumn(7).getString();
  d.body = s.getColumn(8).getString();
  d.why = s.getColumn(9).getString();
  return d;
}

namespace {

// The row of a build; 0: there is none.
int64_t row_of(DB& db, int64_t hash, const Build& b) {
  Statement s(db, "SELECT n FROM builds WHERE hash = ? AND project = ? AND sha = ?");
  s.bind(1, hash);
  s.bindNoCopy(2, b.project);
  s.bindNoCopy(3, b.sha);
  return s.executeStep() ? s.getColumn(0).getInt64() : 0;
}

// False: it was there before.
bool insert_build(DB& db, int64_t hash, const Build& b) {
  static const std::string insert =
      "INSERT INTO builds (hash, project, sha, pushed_at, body) SELECT ?1, ?2, ?3, ?4, ?5 "
      "WHERE NOT EXISTS (SELECT 1 FROM builds WHERE hash = ?1 AND project = ?2 AND sha = ?3)";
  const std::string body = body_of(to_json(b));
  Statement s(db, insert);
  s.bind(1, hash);
  s.bindNoCopy(2, b.project);
  s.bindNoCopy(3, b.sha);
  s.bind(4, to_millis(b.pushed_at));
  s.bindNoCopy(5, body);
  return s.exec() > 0;
}

void replace_build(DB& db, int64_t row, const Build& b) {
  Statement s(db, "UPDATE builds SET pushed_at = ?, body = ? WHERE n = ?");
  s.bind(1, to_millis(b.pushed_at));
  s.bind(2, body_of(to_json(b)));
  s.bind(3, row);
  s.exec();
}

// As it is kept; nullopt: there is none, or it cannot be read.
std::optional<Build> kept_build(DB& db, int64_t row) {
  Statement s(db, "SELECT body, pushed_at FROM builds WHERE n = ?");
  s.bind(1, row);
  if (!s.executeStep()) return std::nullopt;
  auto b = read_build(s);
  return b ? std::optional(std::move(*b)) : std::nullopt;
}

// Gives what is kept.
Build upsert_build(DB& db, const Build& announced) {
  const int64_t hash = build_hash(announced.project, announced.sha);
  Build b = merged(std::nullopt, announced);
  if (insert_build(db, hash, b)) return b;  // nearly all are new
  const int64_t row = row_of(db, hash, announced);
  b = merged(kept_build(db, row), announced);  // one that cannot be read is replaced
  replace_build(db, row, b);
  return b;
}

}  // namespace

void put_build(DB& db, const Build& b) {
  const int64_t hash = build_hash(b.project, b.sha);
  if (!insert_build(db, hash, b)) replace_build(db, row_of(db, hash, b), b);
}

void bind_delivery(Statement& s, const Delivery& d) {
  s.bindNoCopy(1, d.hook);
  s.bindNoCopy(2, d.id);
  s.bindNoCopy(3, d.verdict);
  s.bind(4, to_millis(d.at));
  s.bindNoCopy(5, d.from);
  s.bindNoCopy(6, d.caller);
  s.bindNoCopy(7, d.project);
  s.bindNoCopy(8, d.body);
  s.bindNoCopy(9, d.why);
}

Entered enter_delivery(DB& db, const Delivery& d) {
  // ON CONFLICT would draw a number first, and write that: a call that comes again must not need the disk.
  static const std::string insert =
      "INSERT INTO deliveries (hook, id, verdict, at, sender, caller, project, body, why, hash) "
      "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 WHERE ?3 = 'refused' OR NOT EXISTS "
      "(SELECT 1 FROM deliveries WHERE hash = ?10 AND hook = ?1 AND id = ?2 AND verdict <> 'refused')";
  const int64_t hash = delivery_hash(d.hook, d.id);
  {
    Statement s(db, insert);
    bind_delivery(s, d);
    s.bind(10, hash);
    if (s.exec() > 0) return {std::nullopt, db.getLastInsertRowid()};
  }
  static const std::string select =
      fmt::format("SELECT {} FROM deliveries WHERE hash = ? AND hook = ? AND id = ? AND verdict <> 'refused'",
                  kDeliveryColumns);
  Statement was(db, select);
  was.bind(1, hash);
  was.bindNoCopy(2, d.hook);
  was.bindNoCopy(3, d.id);
  if (!was.executeStep()) throw std::logic_error("a delivery is in the way that is not there");
  return {read_delivery(was), 0};
}

Task<Result<Accepted>> SqliteStore::accept(Delivery delivery, std::optional<Build> build) {
  return writer_->run<Accepted>([d = std::move(delivery), b = std::move(build)](DB& db) -> Result<Accepted> {
    Entered entered = enter_delivery(db, d);
    Accepted out;
    if (entered.known) {
      out.duplicate = true;
      out.delivery = std::move(*entered.known);
      if (b) out.build = kept_build(db, row_of(db, build_hash(b->project, b->sha), *b));
      return out;
    }
    out.delivery = d;
    out.delivery.seq = entered.seq;
    if (b) out.build = upsert_build(db, *b);
    return out;
  });
}

Task<Result<Listing<Build>>> SqliteStore::builds(std::string project, Page page) {
  return reader_->run<Listing<Build>>([=](DB& db) -> Result<Listing<Build>> {
    auto before = build_cursor(page);
    if (!before) return bad_cursor(page);
    Statement s(db,
                "SELECT body, pushed_at FROM builds WHERE project = ?1 AND pushed_at <= ?2 AND "
                "(pushed_at, sha) < (?2, ?3) ORDER BY pushed_at DESC, sha DESC LIMIT ?4");
    s.bind(1, project);
    s.bind(2, before->at);
    s.bind(3, before->sha);
    s.bind(4, limit_of(page) + 1);
    Listing<Build> out;
    while (s.executeStep()) {
      if (out.items.size() == static_cast<size_t>(limit_of(page))) {
        out.next = cursor_of(out.items.back());
        break;
      }
      auto b = read_build(s);
      if (!b) return fail(b.error());
      out.items.push_back(std::move(*b));
    }
    return out;
  });
}

Task<Result<Build>> SqliteStore::build(std::string project, std::string sha) {
  return reader_->run<Build>([=](DB& db) -> Result<Build> {
    if (auto ok = check_sha(sha); !ok) return fail(ok.error());
    const HashRange range = build_hashes(project, sha);
    Statement s(
        db,
        "SELECT body, pushed_at FROM builds WHERE hash BETWEEN ? AND ? AND project = ? AND sha >= ? AND "
        "sha < ? ORDER BY sha LIMIT 2");
    s.bind(1, range.first);
    s.bind(2, range.last);
    s.bind(3, project);
    s.bind(4, sha);
    s.bind(5, sha + "g");  // after every hex digit
    if (!s.executeStep()) return no_such_build(project, sha);
    auto b = read_build(s);
    if (b && b->sha != sha && s.executeStep()) return several_builds(sha);
    return b;
  });
}

Task<Result<std::vector<std::string>>> SqliteStore::projects_with_builds() {
  return reader_->run<std::vector<std::string>>([](DB& db) -> Result<std::vector<std::string>> {
    std::vector<std::string> out;
    Statement s(db, "SELECT project FROM builds WHERE project > ? ORDER BY project LIMIT 1");
    s.bind(1, "");
    while (s.executeStep()) {  // one index seek a project
      out.push_back(s.getColumn(0).getString());
      s.reset();
      s.bind(1, out.back());
    }
    return out;
  });
}

Task<Result<Listing<Delivery>>> SqliteStore::deliveries(Page page) {
  return reader_->run<Listing<Delivery>>([=](DB& db) -> Result<Listing<Delivery>> {
    auto before = number_cursor(page);
    if (!before) return bad_cursor(page);
    Statement s(db, fmt::format("SELECT {} FROM deliveries WHERE seq < ? ORDER BY seq DESC LIMIT ?",
                                kDeliveryColumns));
    s.bind(1, *before);
    s.bind(2, limit_of(page) + 1);
    Listing<Delivery> out;
    while (s.executeStep()) {
      if (out.items.size() == static_cast<size_t>(limit_of(page))) {
        out.next = std::to_string(out.items.back().seq);
        break;
      }
      out.items.push_back(read_delivery(s));
    }
    return out;
  });
}

Task<Result<std::vector<Delivery>>> SqliteStore::oldest_deliveries(int limit) {
  return reader_->run<std::vector<Delivery>>([=](DB& db) -> Result<std::vector<Delivery>> {
    Statement s(db, fmt::format("SELECT {} FROM deliveries ORDER BY seq LIMIT ?", kDeliveryColumns));
    s.bind(1, std::clamp(limit, 1, 1000));
    std::vector<Delivery> out;
    while (s.executeStep()) out.push_back(read_delivery(s));
    return out;
  });
}

}  // namespace lemmy::store
