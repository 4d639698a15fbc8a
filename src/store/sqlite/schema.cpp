#include "store/sqlite/schema.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <thread>

#include "base/strings.h"
#include "store/sqlite/hashes.h"
#include "store/sqlite/writer.h"

namespace lemmy::store {
namespace {

constexpr milliseconds kGivenUp{1'000}, kLookAgain{20};

// Step i takes the schema from version i to i + 1. Never edit a step that was released: add one.
constexpr const char* kSteps[] = {
    R"(
CREATE TABLE builds (project TEXT NOT NULL, sha TEXT NOT NULL, pushed_at INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (project, sha)) WITHOUT ROWID;
CREATE INDEX builds_by_time ON builds (project, pushed_at DESC, sha DESC);
CREATE TABLE deliveries (seq INTEGER PRIMARY KEY AUTOINCREMENT, hook TEXT NOT NULL, id TEXT NOT NULL,
  verdict TEXT NOT NULL, at INTEGER NOT NULL, sender TEXT NOT NULL, caller TEXT NOT NULL, project TEXT NOT NULL,
  body TEXT NOT NULL, why TEXT NOT NULL);
-- A refused call must not take the id of a good one that follows.
CREATE UNIQUE INDEX deliveries_by_id ON deliveries (hook, id) WHERE verdict <> 'refused';
CREATE TABLE targets (project TEXT NOT NULL, environment TEXT NOT NULL, last INTEGER NOT NULL,
  PRIMARY KEY (project, environment)) WITHOUT ROWID;
CREATE TABLE deploys (project TEXT NOT NULL, environment TEXT NOT NULL, number INTEGER NOT NULL,
  revision INTEGER NOT NULL, unsettled INTEGER NOT NULL, request_id TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (project, environment, number)) WITHOUT ROWID;
CREATE INDEX deploys_unsettled ON deploys (project, environment, number) WHERE unsettled = 1;
CREATE UNIQUE INDEX deploys_by_request ON deploys (project, environment, request_id) WHERE request_id <> '';
CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT NOT NULL, environment TEXT NOT NULL,
  number INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX events_by_deploy ON events (project, environment, number, seq);
CREATE TABLE documents (project TEXT NOT NULL, environment TEXT NOT NULL, number INTEGER NOT NULL,
  name TEXT NOT NULL, size INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (project, environment, number, name));
)",
    R"(
-- The hook writes `call`, whoever runs playbooks writes `result`.
CREATE TABLE instances (project TEXT NOT NULL, environment TEXT NOT NULL, id TEXT NOT NULL,
  asked_at INTEGER NOT NULL, asked INTEGER NOT NULL, answered INTEGER NOT NULL, open INTEGER NOT NULL,
  call TEXT NOT NULL, result TEXT NOT NULL, PRIMARY KEY (project, environment, id)) WITHOUT ROWID;
CREATE INDEX instances_by_time ON instances (asked_at DESC, project, environment, id);
CREATE INDEX instances_of_target ON instances (project, environment, asked_at DESC, id);
CREATE INDEX instances_unsettled ON instances (project, environment, id) WHERE open = 1 OR asked > answered;
CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, token INTEGER NOT NULL,
  revision INTEGER NOT NULL) WITHOUT ROWID;
)",
    R"(
CREATE TABLE entries (kind TEXT NOT NULL, key TEXT NOT NULL, revision INTEGER NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (kind, key));
-- Those of entries: one row.
CREATE TABLE revisions (last INTEGER NOT NULL);
INSERT INTO revisions VALUES (0);
CREATE TABLE feed (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, project TEXT NOT NULL,
  environment TEXT NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL);
)",
    R"(
-- In the order of arrival, with indexes of 8 bytes (hashes.h): a row dirtied a random page of the table and one of an
-- index of long texts. One build has one row, and an id that was not refused one entry: the one writer looks first.
CREATE TABLE arrived_builds (n INTEGER PRIMARY KEY, hash INTEGER NOT NULL, project TEXT NOT NULL, sha TEXT NOT NULL,
  pushed_at INTEGER NOT NULL, body TEXT NOT NULL);
INSERT INTO arrived_builds (hash, project, sha, pushed_at, body)
  SELECT build_hash(project, sha), project, sha, pushed_at, body FROM builds;
DROP TABLE builds;
ALTER TABLE arrived_builds RENAME TO builds;
CREATE INDEX builds_by_hash ON builds (hash);
CREATE INDEX builds_by_time ON builds (project, pushed_at DESC);
CREATE TABLE arrived_deliveries (seq INTEGER PRIMARY KEY AUTOINCREMENT, hash INTEGER NOT NULL, hook TEXT NOT NULL,
  id TEXT NOT NULL, verdict TEXT NOT NULL, at INTEGER NOT NULL, sender TEXT NOT NULL, caller TEXT NOT NULL,
  project TEXT NOT NULL, body TEXT NOT NULL, why TEXT NOT NULL);
INSERT INTO arrived_deliveries SELECT seq, delivery_hash(hook, id), hook, id, verdict, at, sender, caller, project, body,
  why FROM deliveries ORDER BY seq;
-- Numbers go on behind those that were let go.
DELETE FROM sqlite_sequence WHERE name = 'arrived_deliveries';
UPDATE sqlite_sequence SET name = 'arrived_deliveries' WHERE name = 'deliveries';
DROP TABLE deliveries;
ALTER TABLE arrived_deliveries RENAME TO deliveries;
CREATE INDEX deliveries_by_hash ON deliveries (hash) WHERE verdict <> 'refused';
)"};
constexpr int kVersion = std::size(kSteps);
// What each step makes.
const std::vector<std::string> kTables[] = {
    {"builds", "deliveries", "targets", "deploys", "events", "documents"},
    {"instances", "leases"},
    {"entries", "revisions", "feed"},
    {}};
static_assert(std::size(kTables) == std::size(kSteps));

constexpr int kApplication = 0x4c656d79;  // "Lemy", for file(1) and against foreign files
constexpr auto kChecked = 256ull << 20;

// A step is a transaction, so what is half done was done by something else.
Result<> check_tables(SQLite::Database& db, int version, const std::string& path) {
  for (int step = 0; version > 0 && step < kVersion; ++step)
    for (const std::string& table : kTables[step]) {
      if (db.tableExists(table) == (step < version)) continue;
      return fail(ErrorCode::internal, path,
                  fmt::format("the file is half migrated: it says schema {}, and table {} {}", version, table,
                              step < version ? "is missing" : "of a newer one is there"),
                  "restore it from a backup; nothing was changed");
    }
  return {};
}

// Read-only, so that a file that is refused is left as it was.
Result<int> inspect(const std::string& path, bool thorough) {
  SQLite::Database db(path, SQLite::OPEN_READONLY, 5000);
  int version = db.execAndGet("PRAGMA user_version").getInt();
  if (version > kVersion)
    return fail(ErrorCode::conflict, path,
                fmt::format("the file has schema {}, this Lemmy knows up to {}", version, kVersion),
                "run the newer Lemmy that wrote it; nothing was changed");
  int tables = db.execAndGet("SELECT count(*) FROM sqlite_master").getInt();
  int application = db.execAndGet("PRAGMA application_id").getInt();
  if (tables > 0 && application != kApplication)
    return fail(ErrorCode::conflict, path, "this SQLite file belongs to another program",
                "name another file with --store; nothing was changed");
  if (auto whole = check_tables(db, version, path); !whole) return fail(whole.error());
  std::error_code ec;
  // Takes about a second for each 256 MiB; a bigger file is only checked as it is read.
  const bool small = std::filesystem::file_size(path, ec) <= kChecked && !ec;
  if (!thorough && !small) return version;
  const char* check = thorough ? "PRAGMA integrity_check(1)" : "PRAGMA quick_check(1)";
  if (std::string found = db.execAndGet(check).getString(); found != "ok") {
    if (found.starts_with("***")) found.erase(0, found.find('\n') + 1);  // "*** in database main ***"
    return fail(ErrorCode::internal, path, "this is not a sound SQLite file: " + shorten(found, 200),
                "restore it from a backup, or name another file with --store");
  }
  return version;
}

Result<> make_or_inspect(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) == 0) {
    if (!S_ISREG(info.st_mode))
      return fail(ErrorCode::invalid, path, "this is not a file", "name a file with --store sqlite:PATH");
    if (info.st_size == 0) {
      (void)!::chmod(path.c_str(), 0600);  // perhaps made by hand, and open to others
      return {};
    }
    auto sound = inspect(path, false);
    return sound ? Result<>{} : fail(sound.error());
  }
  int fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0)
    return fail(ErrorCode::unavailable, path, std::string("cannot make the file: ") + std::strerror(errno),
                "does the folder exist, and may this user write there?");
  ::close(fd);
  return {};
}

}  // namespace

Result<std::unique_ptr<SQLite::Database>> open_for_writing(const std::string& path) {
  try {
    if (auto ok = make_or_inspect(path); !ok) return fail(ok.error());
    auto db = std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE, 5000);
    // SQLite opens a file it may not write silently for reading.
    if (sqlite3_db_readonly(db->getHandle(), "main") == 1)
      return fail(ErrorCode::unavailable, path, "the file cannot be written", "check its owner and mode");
    // execAndGet: these pragmas answer with a row.
    std::string mode = db->execAndGet("PRAGMA journal_mode = WAL").getString();
    if (mode != "wal")
      return fail(ErrorCode::unavailable, path, "this file system has no shared memory for SQLite's WAL",
                  "put the file on a local disk");
    db->exec("PRAGMA synchronous = FULL");
    db->exec("PRAGMA foreign_keys = ON");
    const int found = db->execAndGet("PRAGMA user_version").getInt();
    if (found < kVersion) add_hash_functions(*db);
    for (int v = found; v < kVersion; ++v) {
      SQLite::Transaction step(*db);
      db->exec(kSteps[v]);
      db->exec(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplication, v + 1));
      step.commit();
    }
    return db;
  } catch (const SQLite::Exception& e) {
    return fail(to_error(e, path));
  }
}

Result<std::unique_ptr<SQLite::Database>> open_for_reading(const std::string& path) {
  try {
    return std::make_unique<SQLite::Database>(path, SQLite::OPEN_READONLY, 5000);
  } catch (const SQLite::Exception& e) {
    return fail(to_error(e, path));
  }
}

int newest_schema() { return kVersion; }

Result<int> schema_of(const std::string& path, bool thorough) try {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0)
    return fail(ErrorCode::not_found, path, std::string("there is no store here: ") + std::strerror(errno),
                "write sqlite:PATH of a file that is there; nothing was made");
  if (!S_ISREG(info.st_mode))
    return fail(ErrorCode::invalid, path, "this is not a file", "write sqlite:PATH");
  if (info.st_size == 0) return 0;
  return inspect(path, thorough);
} catch (const SQLite::Exception& e) {
  return fail(to_error(e, path));
}

Result<std::unique_ptr<FileLock>> FileLock::take(const std::string& path) {
  std::string name = path + ".lock";
  int fd = ::open(name.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0)
    return fail(ErrorCode::unavailable, name, std::strerror(errno),
                "does the folder exist, and may this user write there?");
  // A program that a killed server was about to begin has its lock for a moment, until it is begun.
  const auto until = std::chrono::steady_clock::now() + kGivenUp;
  int locked = ::flock(fd, LOCK_EX | LOCK_NB);
  while (locked != 0 && errno == EWOULDBLOCK && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(kLookAgain);
    locked = ::flock(fd, LOCK_EX | LOCK_NB);
  }
  if (locked != 0) {
    if (errno != EWOULDBLOCK) {
      int why = errno;
      ::close(fd);
      return fail(ErrorCode::unavailable, name, std::string("cannot lock: ") + std::strerror(why),
                  "put the file on a local disk");
    }
    char pid[32] = {};
    [[maybe_unused]] ssize_t n = ::pread(fd, pid, sizeof pid - 1, 0);
    ::close(fd);
    return fail(ErrorCode::conflict, path,
                fmt::format("another Lemmy uses this file (process {})", trim(std::string_view(pid))),
                "stop it, or name another file with --store");
  }
  std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) == 0) {
    [[maybe_unused]] ssize_t n = ::pwrite(fd, pid.data(), pid.size(), 0);
  }
  return std::unique_ptr<FileLock>(new FileLock(fd));
}

FileLock::~FileLock() { ::close(fd_); }

}  // namespace lemmy::store
