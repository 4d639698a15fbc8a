#include "store/sqlite/sqlite_store.h"

#include <zlib.h>

#include <filesystem>

#include "store/datastore/datastore_store.h"
#include "store/sqlite/rows.h"

namespace lemmy::store {
namespace {

constexpr size_t kDocument = 16u << 20;

std::string pack(std::string_view text) {
  uLongf size = compressBound(text.size());
  std::string packed(size, '\0');
  // Cannot fail: the room is compressBound.
  compress2(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(text.data()),
            text.size(), Z_BEST_SPEED);
  packed.resize(size);
  return packed;
}

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(asio::any_io_executor loop,
                                                       const std::string& given) try {
  // Two ways to name one file must meet at one lock.
  std::error_code ec;
  std::string path = std::filesystem::weakly_canonical(given, ec).string();
  if (ec || path.empty()) path = given;
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

Task<Result<>> SqliteStore::put_document(Target target, int64_t number, std::string name, std::string text) {
  if (text.size() > kDocument)
    co_return fail(ErrorCode::too_large, place(target, number) + " " + name,
                   fmt::format("{} bytes; at most {} can be kept", text.size(), kDocument));
  // Not on the writer thread: everybody's commit would wait for it.
  std::string packed = co_await packing_.run([&text] { return pack(text); });
  auto state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none)
    co_return fail(ErrorCode::cancelled, place(target, number) + " " + name, "cancelled");
  auto size = static_cast<int64_t>(text.size());
  co_return co_await writer_->run<void>([=, packed = std::move(packed)](DB& db) -> Result<> {
    Statement s(db, "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?, ?)");
    bind_target(s, target, number);
    s.bind(4, name);
    s.bind(5, size);
    s.bindNoCopy(6, packed.data(), static_cast<int>(packed.size()));
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
    std::string where = place(target, number);
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
    // Writes the first page, so that a full or read-only disk is seen; changes nothing.
    db.exec(fmt::format("PRAGMA user_version = {}", db.execAndGet("PRAGMA user_version").getInt()));
    return {};
  });
}

Result<std::unique_ptr<Store>> open_store(asio::any_io_executor loop, const std::string& url) {
  if (url.starts_with("datastore:")) return open_datastore(loop, url);
  if (!url.starts_with("sqlite:") || url.size() == 7)
    return fail(ErrorCode::invalid, "--store",
                "'" + url.substr(0, url.find(':')) + ":' is not a store Lemmy knows",
                "write sqlite:PATH, for example sqlite:lemmy.db, or datastore://PROJECT");
  auto s = SqliteStore::open(loop, url.substr(7));
  if (!s) return fail(s.error());
  return std::unique_ptr<Store>(std::move(*s));
}

}  // namespace lemmy::store
