#pragma once
#include <SQLiteCpp/SQLiteCpp.h>

#include <memory>

#include "base/error.h"

namespace lemmy::store {

// Opens for writing (WAL, synchronous FULL), checks, and migrates forward. Refuses a newer schema.
Result<std::unique_ptr<SQLite::Database>> open_for_writing(const std::string& path);
Result<std::unique_ptr<SQLite::Database>> open_for_reading(const std::string& path);

// What is there, without making or changing it; 0: nothing yet. Errors: as when it is opened; not_found when
// there is no file. `thorough`: all of it is checked, with every index, whatever its size.
Result<int> schema_of(const std::string& path, bool thorough);
int newest_schema();

// Holds PATH.lock so that two servers never share one file. Blocks for up to a second while another has it.
// Errors: conflict, with its process; unavailable: it cannot be locked there.
class FileLock {
 public:
  static Result<std::unique_ptr<FileLock>> take(const std::string& path);
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace lemmy::store
