#include "store/postgres/schema.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace lemmy::store::postgres {
namespace {

// Step i takes the schema from version i to i + 1, in one transaction. Never edit a step that was released:
// add one. Names sort by bytes (COLLATE "C") whatever the database's language. What callers wrote, and may be
// any bytes, is bytea. Times are milliseconds since 1970 in UTC.
constexpr const char* kSteps[] = {R"(
CREATE TABLE lemmy_schema (version bigint NOT NULL, checked_at bigint NOT NULL);
INSERT INTO lemmy_schema VALUES (0, 0);
CREATE TABLE lemmy_builds (project text COLLATE "C" NOT NULL, sha text COLLATE "C" NOT NULL,
  branch text NOT NULL, image text NOT NULL, url text NOT NULL, author text NOT NULL, message bytea NOT NULL,
  first_pushed_at bigint NOT NULL, pushed_at bigint NOT NULL, PRIMARY KEY (project, sha));
CREATE INDEX lemmy_builds_by_time ON lemmy_builds (project, pushed_at, sha);
CREATE TABLE lemmy_deliveries (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  hook text COLLATE "C" NOT NULL, id bytea NOT NULL, verdict text NOT NULL, at bigint NOT NULL,
  sender bytea NOT NULL, caller bytea NOT NULL, project bytea NOT NULL, body bytea NOT NULL, why bytea NOT NULL);
-- A refused call must not take the id of a good one that follows.
CREATE UNIQUE INDEX lemmy_deliveries_by_id ON lemmy_deliveries (hook, id) WHERE verdict <> 'refused';
CREATE TABLE lemmy_targets (project text COLLATE "C" NOT NULL, environment text COLLATE "C" NOT NULL,
  last bigint NOT NULL, PRIMARY KEY (project, environment));
CREATE TABLE lemmy_deploys (project text COLLATE "C" NOT NULL, environment text COLLATE "C" NOT NULL,
  number bigint NOT NULL, revision bigint NOT NULL, unsettled boolean NOT NULL,
  request_id text COLLATE "C" NOT NULL, body text NOT NULL, PRIMARY KEY (project, environment, number));
CREATE INDEX lemmy_deploys_unsettled ON lemmy_deploys (project, environment, number) WHERE unsettled;
CREATE UNIQUE INDEX lemmy_deploys_by_request ON lemmy_deploys (project, environment, request_id)
  WHERE request_id <> '';
CREATE TABLE lemmy_events (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  project text COLLATE "C" NOT NULL, environment text COLLATE "C" NOT NULL, number bigint NOT NULL,
  body text NOT NULL);
CREATE INDEX lemmy_events_by_deploy ON lemmy_events (project, environment, number, seq);
CREATE TABLE lemmy_documents (project text COLLATE "C" NOT NULL, environment text COLLATE "C" NOT NULL,
  number bigint NOT NULL, name text COLLATE "C" NOT NULL, size bigint NOT NULL, body bytea NOT NULL,
  PRIMARY KEY (project, environment, number, name));
-- It is compressed before it comes.
ALTER TABLE lemmy_documents ALTER COLUMN body SET STORAGE EXTERNAL;
-- The hook writes what is before asked, whoever runs playbooks writes what is after it.
CREATE TABLE lemmy_instances (project text COLLATE "C" NOT NULL, environment text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL, address text NOT NULL, identity text NOT NULL, first_asked_at bigint NOT NULL,
  asked_at bigint NOT NULL, asked bigint NOT NULL, answered bigint NOT NULL, open boolean NOT NULL,
  result text NOT NULL, PRIMARY KEY (project, environment, id));
CREATE INDEX lemmy_instances_by_time ON lemmy_instances (asked_at DESC, project, environment, id);
CREATE INDEX lemmy_instances_of_target ON lemmy_instances (project, environment, asked_at DESC, id);
CREATE INDEX lemmy_instances_unsettled ON lemmy_instances (project, environment, id)
  WHERE open OR asked > answered;
CREATE TABLE lemmy_leases (name text COLLATE "C" PRIMARY KEY, holder text NOT NULL, token bigint NOT NULL,
  revision bigint NOT NULL);
)",
                                  R"(
-- By the signed word of its cloud; 0: it said nothing of it.
ALTER TABLE lemmy_instances ADD COLUMN launched_at bigint NOT NULL DEFAULT 0;
)",
                                  R"(
CREATE TABLE lemmy_entries (kind text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL,
  revision bigint NOT NULL, body text NOT NULL, PRIMARY KEY (kind, key));
CREATE SEQUENCE lemmy_revisions;
-- Numbered under a lock that is held until the commit (feed.cpp): seen in the order of their numbers.
CREATE TABLE lemmy_feed (seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, id text COLLATE "C" NOT NULL,
  project text NOT NULL, environment text NOT NULL, number bigint NOT NULL, at bigint NOT NULL,
  kind text NOT NULL, body text NOT NULL);
CREATE UNIQUE INDEX lemmy_feed_by_id ON lemmy_feed (id);
)"};
constexpr int64_t kVersion = std::size(kSteps);
// What each step makes.
const std::vector<std::string> kTables[] = {
    {"lemmy_builds", "lemmy_deliveries", "lemmy_targets", "lemmy_deploys", "lemmy_events", "lemmy_documents",
     "lemmy_instances", "lemmy_leases"},
    {},
    {"lemmy_entries", "lemmy_revisions", "lemmy_feed"}};
static_assert(std::size(kTables) == std::size(kSteps));
constexpr int64_t kLock = 0x4c656d79ll << 32;  // "Lemy", and the schema's oid in the other half

Task<Result<Answers>> ask(std::shared_ptr<Connection> c, Batch batch, milliseconds limit) {
  auto answers = co_await c->run(std::make_shared<const Batch>(std::move(batch)), limit);
  if (!answers) co_return fail(answers.error().error);
  co_return std::move(*answers);
}

// A step is a transaction, so what is half done was done by something else.
Task<Result<>> check_tables(std::shared_ptr<Connection> c, int64_t version, milliseconds limit) {
  Batch read;
  read.add("SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace");
  auto rows = co_await ask(c, std::move(read), limit);
  if (!rows) co_return fail(rows.error());
  std::set<std::string> there;
  for (int row = 0; row < rows->at(0).size(); ++row) there.insert(rows->at(0).text(row, 0));
  for (int64_t step = 0; step < kVersion; ++step)
    for (const std::string& table : kTables[step]) {
      if (there.contains(table) == (step < version)) continue;
      co_return fail(ErrorCode::internal, c->where(),
                     fmt::format("the schema is half migrated: it says {}, and {} {}", version, table,
                                 step < version ? "is missing" : "of a newer one is there"),
                     "restore it from a backup; nothing was changed");
    }
  co_return Result<>{};
}

// As it says itself; 0: there are no tables.
Task<Result<int64_t>> said_version(std::shared_ptr<Connection> c, milliseconds limit) {
  Batch there;
  there.add("SELECT to_regclass(format('%I.lemmy_schema', current_schema())) IS NOT NULL");
  auto found = co_await ask(c, std::move(there), limit);
  if (!found) co_return fail(found.error());
  if (!found->at(0).flag(0, 0)) co_return int64_t{0};
  Batch read;
  read.add("SELECT version FROM lemmy_schema");
  auto rows = co_await ask(c, std::move(read), limit);
  if (!rows) co_return fail(rows.error());
  if (rows->at(0).size() != 1)
    co_return fail(ErrorCode::conflict, c->where(), "table lemmy_schema is not Lemmy's, or damaged",
                   "restore it from a backup, or name another schema with search_path");
  int64_t version = rows->at(0).number(0, 0);
  if (version > kVersion)
    co_return fail(ErrorCode::conflict, c->where(),
                   fmt::format("the database has schema {}, this Lemmy knows up to {}", version, kVersion),
                   "run the newer Lemmy that wrote it; nothing was changed");
  co_return version;
}

Task<Result<int64_t>> version_of(std::shared_ptr<Connection> c, milliseconds limit) {
  auto version = co_await said_version(c, limit);
  while (version && *version > 0) {
    auto whole = co_await check_tables(c, *version, limit);
    if (whole) break;
    // Another server may have taken a step between the two looks.
    auto then = co_await said_version(c, limit);
    if (then && *then <= *version) co_return fail(whole.error());
    version = std::move(then);
  }
  co_return version;
}

Batch step(int64_t from) {
  Batch batch;
  std::string_view rest = kSteps[from];
  for (size_t end; (end = rest.find(";\n")) != rest.npos; rest.remove_prefix(end + 2))
    batch.add(std::string(rest.substr(0, end)));
  batch.add("UPDATE lemmy_schema SET version = $1", {from + 1});
  return batch;
}

// The oid of the schema that tables are kept in.
Task<Result<int64_t>> check_database(std::shared_ptr<Connection> c, milliseconds limit) {
  Batch first;
  first.add(
      "SELECT current_setting('server_encoding'), current_setting('server_version_num')::bigint, "
      "coalesce((SELECT oid::bigint FROM pg_namespace WHERE nspname = current_schema()), 0)");
  auto rows = co_await ask(c, std::move(first), limit);
  if (!rows) co_return fail(rows.error());
  const Rows& r = rows->at(0);
  const int64_t schema = r.number(0, 2);
  if (r.text(0, 0) != "UTF8")
    co_return fail(ErrorCode::invalid, c->where(), "the database's encoding is " + r.text(0, 0),
                   "make one with createdb --encoding=UTF8 --template=template0 NAME; nothing was changed");
  if (r.number(0, 1) < 130000)
    co_return fail(ErrorCode::invalid, c->where(), "PostgreSQL is older than 13", "use 15 or newer");
  if (schema == 0)
    co_return fail(ErrorCode::invalid, c->where(), "there is no schema to keep tables in",
                   "make it: CREATE SCHEMA NAME; or correct search_path in the URL");
  co_return schema;
}

std::string channel_of(int64_t schema) { return fmt::format("lemmy_{}", schema); }

}  // namespace

int64_t newest_schema() { return kVersion; }

Task<Result<Found>> find_schema(std::shared_ptr<Connection> c, milliseconds limit) {
  auto schema = co_await check_database(c, limit);
  if (!schema) co_return fail(schema.error());
  auto version = co_await version_of(c, limit);
  if (!version) co_return fail(version.error());
  Found found;
  found.version = *version;
  found.channel = channel_of(*schema);
  co_return found;
}

Task<Result<std::string>> migrate(std::shared_ptr<Connection> c, milliseconds limit) {
  auto schema = co_await check_database(c, limit);
  if (!schema) co_return fail(schema.error());
  auto version = co_await version_of(c, limit);
  if (version && *version < kVersion) {
    Batch lock;
    lock.add("SELECT pg_advisory_lock($1)", {kLock | *schema});
    auto locked = co_await ask(c, std::move(lock), limit);
    if (!locked) co_return fail(locked.error());
    version = co_await version_of(c, limit);  // another server may have been first
    while (version && *version < kVersion) {
      auto done = co_await ask(c, step(*version), limit);
      if (!done) co_return fail(done.error());
      ++*version;
    }
  }
  if (!version) co_return fail(version.error());
  co_return channel_of(*schema);
}

}  // namespace lemmy::store::postgres
