#include "store/sqlite/schema.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "base/strings.h"
#include "store/sqlite/writer.h"

namespace lemmy::store {
namespace {

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
)"};
constexpr int kVersion = std::size(kSteps);

}  // namespace

Result<std::unique_ptr<SQLite::Database>> open_for_writing(const std::string& path) {
  try {
    if (!std::filesystem::exists(path)) {
      int fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
      if (fd < 0)
        return fail(ErrorCode::unavailable, path,
                    std::string("cannot make the file: ") + std::strerror(errno),
                    "does the folder exist, and may this user write there?");
      ::close(fd);
    }
    auto db = std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 5000);
    int version = db->execAndGet("PRAGMA user_version").getInt();
    if (version > kVersion)
      return fail(ErrorCode::conflict, path,
                  fmt::format("the file has schema {}, this Lemmy knows up to {}", version, kVersion),
                  "run the newer Lemmy that wrote it; nothing was changed");
    // execAndGet: these pragmas answer with a row.
    db->execAndGet("PRAGMA journal_mode = WAL");
    db->exec("PRAGMA synchronous = FULL");
    db->exec("PRAGMA foreign_keys = ON");
    for (; version < kVersion; ++version) {
      SQLite::Transaction step(*db);
      db->exec(kSteps[version]);
      db->exec(fmt::format("PRAGMA user_version = {}", version + 1));
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

Result<std::unique_ptr<FileLock>> FileLock::take(const std::string& path) {
  std::string name = path + ".lock";
  int fd = ::open(name.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0)
    return fail(ErrorCode::unavailable, name, std::strerror(errno),
                "does the folder exist, and may this user write there?");
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
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
