#include "store/sqlite/sqlite_store.h"

#include <unistd.h>

#include <filesystem>

#include "store/sqlite/rows.h"

namespace lemmy::store {
namespace {

constexpr uintmax_t kRoom = 1 << 20;

// Two ways to name one file must meet at one lock.
std::string one_name(const std::string& given) {
  std::error_code ec;
  std::string path = std::filesystem::weakly_canonical(given, ec).string();
  return ec || path.empty() ? given : path;
}

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(asio::any_io_executor loop,
                                                       const std::string& given) try {
  const std::string path = one_name(given);
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
} catch (const std::exception& e) {  // no thread, no memory
  return fail(ErrorCode::unavailable, given, e.what());
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open_reading(asio::any_io_executor loop,
                                                               const std::string& given, bool alone) try {
  const std::string path = one_name(given);
  auto schema = schema_of(path, false);
  if (!schema) return fail(schema.error());
  if (*schema != newest_schema())
    return fail(ErrorCode::conflict, path,
                *schema == 0
                    ? "the file is empty"
                    : fmt::format("the file has schema {}, this Lemmy reads {}", *schema, newest_schema()),
                "lemmy store migrate sqlite:" + given);
  std::unique_ptr<SqliteStore> s(new SqliteStore);
  if (alone) {
    auto lock = FileLock::take(path);
    if (!lock) return fail(lock.error());
    s->lock_ = std::move(*lock);
  }
  auto read = open_for_reading(path), write = open_for_reading(path);
  if (!read) return fail(read.error());
  if (!write) return fail(write.error());
  (*read)->exec("BEGIN");
  (*read)->execAndGet("SELECT count(*) FROM sqlite_master");  // now it stays as it is
  s->path_ = path;
  s->writer_ = std::make_unique<Worker>(loop, std::move(*write), Worker::Kind::reader);
  s->reader_ = std::make_unique<Worker>(loop, std::move(*read), Worker::Kind::reader);
  return s;
} catch (const SQLite::Exception& e) {
  return fail(to_error(e, given));
} catch (const std::exception& e) {
  return fail(ErrorCode::unavailable, given, e.what());
}

void put_document(DB& db, const Target& target, int64_t number, const std::string& name, int64_t size,
                  const std::string& packed) {
  Statement s(db, "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?)");
  bind_target(s, target, number);
  s.bind(4, name);
  s.bind(5, size);
  s.bindNoCopy(6, packed.data(), static_cast<int>(packed.size()));
  s.exec();
}

Task<Result<>> SqliteStore::put_document(Target target, int64_t number, std::string name, std::string text) {
  if (text.size() > kMostDocument) co_return too_large_document(target, number, name, text.size());
  // Not on the writer thread: everybody's commit would wait for it.
  std::string packed = co_await packing_.run([&text] { return pack(text); });
  auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none)
    co_return fail(ErrorCode::cancelled, place(target, number) + " " + name, "cancelled");
  auto size = static_cast<int64_t>(text.size());
  co_return co_await writer_->run<void>([=, packed = std::move(packed)](DB& db) -> Result<> {
    store::put_document(db, target, number, name, size, packed);
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
    if (!s.executeStep()) return no_such_document(target, number, name);
    SQLite::Column body = s.getColumn(1);
    std::string_view packed(static_cast<const char*>(body.getBlob()), body.getBytes());
    return unpack(packed, s.getColumn(0).getInt64(), place(target, number), name);
  });
}

Task<Result<>> SqliteStore::check() {
  return writer_->run<void>([path = path_](DB& db) -> Result<> {
    // Writes the first page, so that a full or read-only disk is seen; changes nothing.
    db.exec(fmt::format("PRAGMA user_version = {}", db.execAndGet("PRAGMA user_version").getInt()));
    // This page may fit into the WAL where a hook's call does not.
    std::error_code ec;
    const auto room = std::filesystem::space(path, ec);
    if (!ec && (::geteuid() == 0 ? room.free : room.available) < kRoom)
      return fail(ErrorCode::unavailable, path, "the disk is full",
                  "free some room; Lemmy goes on by itself");
    return {};
  });
}

}  // namespace lemmy::store
