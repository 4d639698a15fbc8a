#pragma once
#include "store/sqlite/schema.h"
#include "store/sqlite/writer.h"
#include "store/store.h"

namespace lemmy::store {

// To be destroyed before the loop, and when no coroutine waits on it any more.
class SqliteStore : public Store {
 public:
  ~SqliteStore() override { *closing_ = true; }
  static Result<std::unique_ptr<SqliteStore>> open(asio::any_io_executor loop, const std::string& given);
  // As it is at this moment; writes fail. `alone` takes the file's lock.
  static Result<std::unique_ptr<SqliteStore>> open_reading(asio::any_io_executor loop,
                                                           const std::string& given, bool alone);

#include "store/overrides.inc"

  uint64_t commits() const { return writer_->commits(); }

 private:
  SqliteStore() = default;
  std::string path_;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<Worker> writer_, reader_;
  std::shared_ptr<std::atomic<bool>> closing_ = std::make_shared<std::atomic<bool>>(false);
  Pool packing_{1}, measuring_{1};
};

}  // namespace lemmy::store
