#pragma once
// Inside room cli: what `lemmy store` does, each on its own loop. The value is the exit code.
#include "async/task.h"
#include "base/error.h"

namespace lemmy::cli {

// as_json: what it found as one document; errors are the caller's to tell.
Task<Result<int>> check_store(asio::any_io_executor loop, std::string url, bool as_json);
Task<Result<int>> migrate_store(asio::any_io_executor loop, std::string url);
Task<Result<int>> copy_store(asio::any_io_executor loop, std::string from, std::string to);
Task<Result<int>> backup_store(asio::any_io_executor loop, std::string url, std::string file);
Task<Result<int>> restore_store(asio::any_io_executor loop, std::string file, std::string url);

}  // namespace lemmy::cli
