#include "store/sqlite/writer.h"

#include <sqlite3.h>

namespace lemmy::store {

Error to_error(const SQLite::Exception& e, const std::string& path) {
  switch (e.getErrorCode()) {
    case SQLITE_FULL:
      return {ErrorCode::unavailable, path, "the disk is full", "free some room; Lemmy goes on by itself"};
    case SQLITE_READONLY:
      return {ErrorCode::unavailable, path, "the file or its folder cannot be written",
              "check owner and mount"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {ErrorCode::internal, path, std::string("this is not a sound SQLite file: ") + e.what(),
              "restore it from a backup, or name another file with --store"};
    case SQLITE_CANTOPEN:
      return {ErrorCode::unavailable, path, "the file cannot be opened", "does its folder exist?"};
    case SQLITE_CONSTRAINT:
      return {ErrorCode::conflict, path, e.what()};
    default:
      return {ErrorCode::unavailable, path, e.what()};
  }
}

Worker::Worker(asio::any_io_executor loop, std::unique_ptr<SQLite::Database> database, Kind kind)
    : loop_(loop), database_(std::move(database)), path_(database_->getFilename()), kind_(kind) {
  thread_ = std::thread([this] { loop_forever(); });
}

Worker::~Worker() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

bool Worker::enqueue(Job& job) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_ || jobs_.size() >= kQueue) return false;
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

Task<bool> Worker::wait_for(Job job) {
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(bool)>(
      [this](auto handler, Job j) {
        // The work guard keeps the loop alive until the answer is there.
        auto guard = asio::make_work_guard(loop_);
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        j.done = [loop = loop_, shared, guard]() mutable {
          asio::post(loop, [shared] { std::move (*shared)(true); });
        };
        if (!enqueue(j)) asio::post(loop_, [shared] { std::move (*shared)(false); });
      },
      asio::use_awaitable, std::move(job));
}

void Worker::read_one(Job& job) {
  try {
    job.work(*database_);
  } catch (const SQLite::Exception& e) {
    job.failed(to_error(e, path_));
  } catch (const std::exception& e) {
    job.failed({ErrorCode::internal, path_, e.what()});
  }
}

void Worker::write_all(std::deque<Job>& jobs) {
  try {
    database_->exec("BEGIN IMMEDIATE");
    for (Job& job : jobs) {
      database_->exec("SAVEPOINT one");
      bool keep = false;
      try {
        keep = !job.work(*database_);
      } catch (const SQLite::Exception& e) {
        // The whole transaction may be gone (disk full): then nobody's work was kept.
        if (sqlite3_get_autocommit(database_->getHandle())) throw;
        job.failed(to_error(e, path_));
      } catch (const std::exception& e) {
        job.failed({ErrorCode::internal, path_, e.what()});
      }
      if (!keep) database_->exec("ROLLBACK TO one");
      database_->exec("RELEASE one");
    }
    database_->exec("COMMIT");
    ++commits_;
  } catch (const SQLite::Exception& e) {
    Error error = to_error(e, path_);
    if (!sqlite3_get_autocommit(database_->getHandle())) database_->tryExec("ROLLBACK");
    for (Job& job : jobs) job.failed(error);
  }
}

void Worker::loop_forever() {
  for (;;) {
    std::deque<Job> now;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      size_t take = kind_ == Kind::writer ? std::min(jobs_.size(), kTogether) : 1;
      for (size_t i = 0; i < take; ++i) {
        now.push_back(std::move(jobs_.front()));
        jobs_.pop_front();
      }
    }
    if (kind_ == Kind::writer)
      write_all(now);
    else
      read_one(now.front());
    for (Job& job : now) job.done();
  }
}

}  // namespace lemmy::store
