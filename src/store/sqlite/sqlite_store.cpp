#include "store/sqlite/sqlite_store.h"

#include <fmt/format.h>
#include <zlib.h>

#include <charconv>

#include "domain/names.h"

namespace lemmy::store {
namespace {

using DB = SQLite::Database;
using Statement = SQLite::Statement;
constexpr size_t kDocument = 16u << 20;

int limit_of(const Page& p) { return std::clamp(p.limit, 1, 1000); }

std::optional<int64_t> number_in(std::string_view text) {
  int64_t n = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  return ec == std::errc() && end == text.data() + text.size() ? std::optional(n) : std::nullopt;
}

std::unexpected<Error> bad_cursor(const Page& p) {
  return fail(ErrorCode::invalid, "after", "'" + p.after + "' is not a cursor of this list");
}

Build read_build(Statement& s, int column) {
  auto v = parse_json(s.getColumn(column).getString(), "stored build");
  return v && v->is_object() ? build_from_json(v->get_object()) : Build{};
}

Result<Deploy> read_deploy(Statement& s, int column) {
  auto v = parse_json(s.getColumn(column).getString(), "stored deploy");
  if (!v) return fail(v.error());
  return deploy_from_json(*v);
}

Result<std::vector<Deploy>> read_deploys(Statement& s) {
  std::vector<Deploy> out;
  while (s.executeStep()) {
    auto d = read_deploy(s, 0);
    if (!d) return fail(d.error());
    out.push_back(std::move(*d));
  }
  return out;
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
constexpr const char* kDeliveryColumns = "seq, hook, id, verdict, at, sender, caller, project, body, why";

void bind_target(Statement& s, const Target& t, int64_t number) {
  s.bind(1, t.project);
  s.bind(2, t.environment);
  s.bind(3, number);
}

bool unsettled(const Deploy& d) {
  bool agrees = (d.wanted == Wanted::zeroed && d.presence == Presence::zeroed) ||
                (d.wanted == Wanted::deleted && d.presence == Presence::deleted) ||
                d.wanted == Wanted::running;
  return !is_finished(d.phase) || !agrees || d.presence == Presence::running ||
         d.presence == Presence::zeroed;
}

void add_event(DB& db, DeployEvent e) {
  Statement s(db, "INSERT INTO events (project, environment, number, body) VALUES (?, ?, ?, ?)");
  bind_target(s, e.target, e.number);
  s.bind(4, json::serialize(to_json(e)));
  s.exec();
}

void upsert_build(DB& db, Build b) {
  Statement old(db, "SELECT body FROM builds WHERE project = ? AND sha = ?");
  old.bind(1, b.project);
  old.bind(2, b.sha);
  if (old.executeStep()) {
    Build was = read_build(old, 0);
    b.first_pushed_at = was.first_pushed_at;
    b.pushed_at = std::max(b.pushed_at, was.pushed_at);
    for (auto field : {&Build::branch, &Build::image, &Build::url, &Build::author, &Build::message})
      if ((b.*field).empty()) b.*field = was.*field;
  } else if (b.first_pushed_at == Time{}) {
    b.first_pushed_at = b.pushed_at;
  }
  Statement s(
      db,
      "INSERT INTO builds VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET pushed_at = excluded.pushed_at, "
      "body = excluded.body");
  s.bind(1, b.project);
  s.bind(2, b.sha);
  s.bind(3, to_millis(b.pushed_at));
  s.bind(4, json::serialize(to_json(b)));
  s.exec();
}

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(asio::any_io_executor loop, const std::string& path) {
  auto lock = FileLock::take(path);
  if (!lock) return fail(lock.error());
  auto write = open_for_writing(path);
  if (!write) return fail(write.error());
  auto read = open_for_reading(path);
  if (!read) return fail(read.error());
  std::unique_ptr<SqliteStore> s(new SqliteStore);
  s->path_ = path;
  s->lock_ = std::move(*lock);
  s->writer_ = std::make_unique<Worker>(loop, std::move(*write), Worker::Kind::writer);
  s->reader_ = std::make_unique<Worker>(loop, std::move(*read), Worker::Kind::reader);
  return s;
}

Task<Result<Accepted>> SqliteStore::accept(Delivery delivery, std::optional<Build> build) {
  return writer_->run<Accepted>(
      [d = std::move(delivery), b = std::move(build)](DB& db) mutable -> Result<Accepted> {
        if (d.verdict != "refused") {
          Statement was(
              db, fmt::format("SELECT {} FROM deliveries WHERE hook = ? AND id = ? AND verdict <> 'refused'",
                              kDeliveryColumns));
          was.bind(1, d.hook);
          was.bind(2, d.id);
          if (was.executeStep()) return Accepted{true, read_delivery(was)};
        }
        Statement s(db,
                    "INSERT INTO deliveries (hook, id, verdict, at, sender, caller, project, body, why) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
        s.bind(1, d.hook);
        s.bind(2, d.id);
        s.bind(3, d.verdict);
        s.bind(4, to_millis(d.at));
        s.bind(5, d.from);
        s.bind(6, d.caller);
        s.bind(7, d.project);
        s.bind(8, d.body);
        s.bind(9, d.why);
        s.exec();
        d.seq = db.getLastInsertRowid();
        if (b) upsert_build(db, *b);
        return Accepted{false, d};
      });
}

Task<Result<Listing<Build>>> SqliteStore::builds(std::string project, Page page) {
  return reader_->run<Listing<Build>>([=](DB& db) -> Result<Listing<Build>> {
    int64_t before = INT64_MAX;
    std::string before_sha;
    if (!page.after.empty()) {
      size_t dash = page.after.find('-');
      auto at = number_in(std::string_view(page.after).substr(0, dash));
      if (!at || dash == page.after.npos) return bad_cursor(page);
      before = *at;
      before_sha = page.after.substr(dash + 1);
    }
    Statement s(db,
                "SELECT body FROM builds WHERE project = ? AND (pushed_at, sha) < (?, ?) "
                "ORDER BY pushed_at DESC, sha DESC LIMIT ?");
    s.bind(1, project);
    s.bind(2, before);
    s.bind(3, before_sha);
    s.bind(4, limit_of(page) + 1);
    Listing<Build> out;
    while (s.executeStep()) {
      if (out.items.size() == static_cast<size_t>(limit_of(page))) {
        out.next = fmt::format("{}-{}", to_millis(out.items.back().pushed_at), out.items.back().sha);
        break;
      }
      out.items.push_back(read_build(s, 0));
    }
    return out;
  });
}

Task<Result<Build>> SqliteStore::build(std::string project, std::string sha) {
  return reader_->run<Build>([=](DB& db) -> Result<Build> {
    if (auto ok = check_sha(sha); !ok) return fail(ok.error());
    Statement s(db,
                "SELECT body FROM builds WHERE project = ? AND sha >= ? AND sha < ? ORDER BY sha LIMIT 2");
    s.bind(1, project);
    s.bind(2, sha);
    s.bind(3, sha + "g");  // after every hex digit
    if (!s.executeStep())
      return fail(ErrorCode::not_found, "build " + sha, fmt::format("project {} has no such build", project),
                  "did the build system announce it? lemmy builds " + project);
    Build b = read_build(s, 0);
    if (b.sha != sha && s.executeStep())
      return fail(ErrorCode::conflict, "build " + sha, "several builds begin like this", "give more digits");
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
    auto before = page.after.empty() ? std::optional<int64_t>(INT64_MAX) : number_in(page.after);
    if (!before) return bad_cursor(page);
    Statement s(db, fmt::format("SELECT {} FROM deliveries WHERE seq < ? ORDER BY seq DESC LIMIT ?",
                                kDeliveryColumns));
    s.bind(1, *before);
    s.bind(2, limit_of(page));
    Listing<Delivery> out;
    while (s.executeStep()) out.items.push_back(read_delivery(s));
    if (out.items.size() == static_cast<size_t>(limit_of(page)))
      out.next = std::to_string(out.items.back().seq);
    return out;
  });
}

Task<Result<Deploy>> SqliteStore::create_deploy(Deploy deploy, DeployEvent first) {
  return writer_->run<Deploy>([d = std::move(deploy),
                               e = std::move(first)](DB& db) mutable -> Result<Deploy> {
    if (!d.request_id.empty()) {
      Statement was(db,
                    "SELECT body FROM deploys WHERE project = ? AND environment = ? AND request_id = ? "
                    "AND request_id <> ''");
      was.bind(1, d.target.project);
      was.bind(2, d.target.environment);
      was.bind(3, d.request_id);
      if (was.executeStep()) return read_deploy(was, 0);
    }
    Statement next(
        db, "INSERT INTO targets VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last");
    next.bind(1, d.target.project);
    next.bind(2, d.target.environment);
    next.executeStep();
    d.number = next.getColumn(0).getInt64();
    next.reset();
    d.revision = 1;
    Statement s(db, "INSERT INTO deploys VALUES (?, ?, ?, 1, ?, ?, ?)");
    bind_target(s, d.target, d.number);
    s.bind(4, unsettled(d) ? 1 : 0);
    s.bind(5, d.request_id);
    s.bind(6, json::serialize(to_json(d)));
    s.exec();
    e.target = d.target;
    e.number = d.number;
    add_event(db, std::move(e));
    return d;
  });
}

Task<Result<Deploy>> SqliteStore::update_deploy(Deploy deploy, std::vector<DeployEvent> events) {
  return writer_->run<Deploy>(
      [d = std::move(deploy), events = std::move(events)](DB& db) mutable -> Result<Deploy> {
        Statement s(db,
                    "UPDATE deploys SET revision = ?5, unsettled = ?6, body = ?7 "
                    "WHERE project = ?1 AND environment = ?2 AND number = ?3 AND revision = ?4");
        bind_target(s, d.target, d.number);
        s.bind(4, d.revision++);
        s.bind(5, d.revision);
        s.bind(6, unsettled(d) ? 1 : 0);
        s.bind(7, json::serialize(to_json(d)));
        if (s.exec() != 1)
          return fail(ErrorCode::conflict, fmt::format("{} #{}", d.target.str(), d.number),
                      "the deploy was changed by somebody else", "look again and repeat");
        for (DeployEvent& e : events) {
          e.target = d.target;
          e.number = d.number;
          add_event(db, std::move(e));
        }
        return d;
      });
}

Task<Result<Deploy>> SqliteStore::deploy(Target target, int64_t number) {
  return reader_->run<Deploy>([=](DB& db) -> Result<Deploy> {
    Statement s(db, "SELECT body FROM deploys WHERE project = ? AND environment = ? AND number = ?");
    bind_target(s, target, number);
    if (!s.executeStep())
      return fail(ErrorCode::not_found, fmt::format("{} #{}", target.str(), number),
                  "there is no such deploy");
    return read_deploy(s, 0);
  });
}

Task<Result<Listing<Deploy>>> SqliteStore::deploys(Target target, Page page) {
  return reader_->run<Listing<Deploy>>([=](DB& db) -> Result<Listing<Deploy>> {
    auto before = page.after.empty() ? std::optional<int64_t>(INT64_MAX) : number_in(page.after);
    if (!before) return bad_cursor(page);
    Statement s(db,
                "SELECT body FROM deploys WHERE project = ? AND environment = ? AND number < ? "
                "ORDER BY number DESC LIMIT ?");
    bind_target(s, target, *before);
    s.bind(4, limit_of(page));
    auto items = read_deploys(s);
    if (!items) return fail(items.error());
    Listing<Deploy> out{std::move(*items), ""};
    if (out.items.size() == static_cast<size_t>(limit_of(page)))
      out.next = std::to_string(out.items.back().number);
    return out;
  });
}

Task<Result<std::vector<Deploy>>> SqliteStore::unsettled_deploys() {
  return reader_->run<std::vector<Deploy>>([](DB& db) {
    Statement s(db, "SELECT body FROM deploys WHERE unsettled = 1 ORDER BY project, environment, number");
    return read_deploys(s);
  });
}

Task<Result<std::vector<Deploy>>> SqliteStore::latest_deploys() {
  return reader_->run<std::vector<Deploy>>([](DB& db) {
    Statement s(db,
                "SELECT d.body FROM targets t JOIN deploys d ON d.project = t.project AND "
                "d.environment = t.environment AND d.number = t.last ORDER BY t.project, t.environment");
    return read_deploys(s);
  });
}

Task<Result<std::vector<DeployEvent>>> SqliteStore::deploy_events(Target target, int64_t number,
                                                                  int64_t after_seq, int limit) {
  return reader_->run<std::vector<DeployEvent>>([=](DB& db) -> Result<std::vector<DeployEvent>> {
    Statement s(
        db,
        "SELECT seq, body FROM events WHERE project = ? AND environment = ? AND number = ? AND seq > ? "
        "ORDER BY seq LIMIT ?");
    bind_target(s, target, number);
    s.bind(4, after_seq);
    s.bind(5, std::clamp(limit, 1, 10'000));
    std::vector<DeployEvent> out;
    while (s.executeStep()) {
      auto v = parse_json(s.getColumn(1).getString(), "stored event");
      if (!v || !v->is_object()) continue;
      out.push_back(event_from_json(v->get_object()));
      out.back().seq = s.getColumn(0).getInt64();
    }
    return out;
  });
}

Task<Result<>> SqliteStore::put_document(Target target, int64_t number, std::string name, std::string text) {
  return writer_->run<void>([=, text = std::move(text)](DB& db) -> Result<> {
    if (text.size() > kDocument)
      return fail(ErrorCode::too_large, name,
                  fmt::format("{} bytes; at most {} can be kept", text.size(), kDocument));
    uLongf size = compressBound(text.size());
    std::string packed(size, '\0');
    compress2(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(text.data()),
              text.size(), 1);
    Statement s(db, "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?)");
    bind_target(s, target, number);
    s.bind(4, name);
    s.bind(5, static_cast<int64_t>(text.size()));
    s.bind(6, packed.data(), static_cast<int>(size));
    s.exec();
    return {};
  });
}

Task<Result<std::string>> SqliteStore::document(Target target, int64_t number, std::string name) {
  return reader_->run<std::string>([=](DB& db) -> Result<std::string> {
    Statement s(
        db,
        "SELECT size, body FROM documents WHERE project = ? AND environment = ? AND number = ? AND name = ?");
    bind_target(s, target, number);
    s.bind(4, name);
    std::string where = fmt::format("{} #{}", target.str(), number);
    if (!s.executeStep()) return fail(ErrorCode::not_found, where, "it has no " + name);
    SQLite::Column body = s.getColumn(1);
    uLongf size = s.getColumn(0).getInt64();
    std::string out(size, '\0');
    if (uncompress(reinterpret_cast<Bytef*>(out.data()), &size, static_cast<const Bytef*>(body.getBlob()),
                   body.getBytes()) != Z_OK)
      return fail(ErrorCode::internal, where, "the stored " + name + " is damaged");
    return out;
  });
}

Task<Result<>> SqliteStore::check() {
  return writer_->run<void>([](DB& db) -> Result<> {
    db.exec("CREATE TEMP TABLE IF NOT EXISTS alive (at INTEGER)");
    return {};
  });
}

Result<std::unique_ptr<Store>> open_store(asio::any_io_executor loop, const std::string& url) {
  if (!url.starts_with("sqlite:") || url.size() == 7)
    return fail(ErrorCode::invalid, "--store",
                "'" + url.substr(0, url.find(':')) + ":' is not a store Lemmy knows",
                "write sqlite:PATH, for example sqlite:lemmy.db");
  auto s = SqliteStore::open(loop, url.substr(7));
  if (!s) return fail(s.error());
  return std::unique_ptr<Store>(std::move(*s));
}

}  // namespace lemmy::store
