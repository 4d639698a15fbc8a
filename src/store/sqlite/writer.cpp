#include "store/sqlite/writer.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <cerrno>

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
    case SQLITE_IOERR:
      return {ErrorCode::unavailable, path, std::string("the disk failed: ") + e.what(),
              "look at the system log; Lemmy goes on by itself when the disk does"};
    default:
      return {ErrorCode::unavailable, path, e.what()};
  }
}

void FilesAtPath::File::learn() {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return;
  device = info.st_dev;
  inode = info.st_ino;
  there = true;
}

void FilesAtPath::File::look() {
  struct stat info;
  if (::stat(path.c_str(), &info) == 0)
    there = inode != 0 && info.st_dev == device && info.st_ino == inode;
  else if (errno == ENOENT || errno == ENOTDIR || errno == ESTALE)
    there = false;  // others, such as a folder closed to us or a disk that fails, do not say so
}

FilesAtPath::FilesAtPath(SQLite::Database& database)
    : main_{database.getFilename()},
      log_{database.getFilename() + "-wal"},
      index_{database.getFilename() + "-shm"} {
  int moved = 0;  // since it was opened; migrating may have taken long, and this may be another file
  sqlite3_file_control(database.getHandle(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  if (!moved) main_.learn();
  log_.learn();
  index_.learn();
  looked_ = Clock::now();
}

Result<> FilesAtPath::check(SQLite::Database& database) {
  if (Clock::now() - looked_ >= seconds(1)) {
    main_.look();
    for (File* f : {&log_, &index_})
      f->inode ? f->look() : f->learn();  // SQLite makes them with the first write
    looked_ = Clock::now();
  }
  if (!main_.there)
    return fail(ErrorCode::unavailable, main_.path,
                "the store's file was removed or replaced while it was open",
                "put it back as it was, or start Lemmy anew");
  const File* gone = nullptr;
  for (const File* f : {&log_, &index_})
    if (f->inode && !f->there && !gone) gone = f;
  if (!gone) {
    saved_ = false;
    return {};
  }
  if (!saved_) saved_ = database.tryExec("PRAGMA wal_checkpoint(TRUNCATE)") == SQLITE_OK;
  return fail(ErrorCode::unavailable, gone->path,
              "this part of the store was removed or replaced while it was open",
              saved_ ? "what stood in the log is in the store's file now; start Lemmy anew"
                     : "put it back as it was: what stands in the log is nowhere else");
}

Worker::Worker(asio::any_io_executor loop, std::unique_ptr<SQLite::Database> database, Kind kind)
    : loop_(loop),
      database_(std::make_unique<DB>(std::move(*database))),
      path_(database_->getFilename()),
      kind_(kind) {
  if (kind_ == Kind::writer) files_.emplace(*database_);
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

bool Worker::enqueue(Job job) {
  {
    std::lock_guard lock(mutex_);
    if (stopping_ || jobs_.size() >= kQueue) return false;
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
  return true;
}

Task<Worker::Outcome> Worker::wait_for(Job job) {
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>&, void(Outcome)>(
      [this](auto handler, Job j) {
        auto waiting = std::make_shared<Waiting>();
        auto slot = asio::get_associated_cancellation_slot(handler);
        // The guard keeps the loop alive until the answer is there.
        waiting->resume = [h = std::move(handler), slot,
                           guard = asio::make_work_guard(loop_)](Outcome o) mutable {
          slot.clear();
          std::move(h)(o);
        };
        if (slot.is_connected())
          // Weak: the slot is the waiting coroutine's, which `waiting` owns.
          slot.assign([loop = loop_, weak = std::weak_ptr(waiting)](asio::cancellation_type) {
            auto waiting = weak.lock();
            if (!waiting) return;
            // Posted before it is marked, so that it comes before the answer of a skipped job.
            asio::post(loop, [waiting] { waiting->finish(Outcome::cancelled); });
            waiting->gone = true;
          });
        j.waiting = waiting;
        if (!enqueue(std::move(j))) asio::post(loop_, [waiting] { waiting->finish(Outcome::full); });
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

void Worker::write_one(Job& job) {
  Statement(*database_, "SAVEPOINT one").exec();
  bool keep = false;
  try {
    keep = job.work(*database_);
  } catch (const SQLite::Exception& e) {
    // SQLite may have rolled the whole transaction back (disk full, I/O error).
    if (sqlite3_get_autocommit(database_->getHandle())) throw;
    job.failed(to_error(e, path_));
  } catch (const std::exception& e) {
    job.failed({ErrorCode::internal, path_, e.what()});
  }
  if (!keep) Statement(*database_, "ROLLBACK TO one").exec();
  Statement(*database_, "RELEASE one").exec();
}

void Worker::write_all(std::span<Job> jobs) {
  bool committing = false;
  Error error;
  try {
    Statement(*database_, "BEGIN IMMEDIATE").exec();
    for (Job& job : jobs)
      if (!job.waiting->gone) write_one(job);
    committing = true;
    Statement(*database_, "COMMIT").exec();
    ++commits_;
    return;
  } catch (const SQLite::Exception& e) {
    error = to_error(e, path_);
  } catch (const std::exception& e) {
    error = {ErrorCode::internal, path_, e.what()};
  }
  if (!sqlite3_get_autocommit(database_->getHandle())) database_->tryExec("ROLLBACK");
  // One big write that finds no room must not fail the small ones beside it. After a failed COMMIT it is not
  // known what is kept, so nothing is tried again.
  if (!committing && jobs.size() > 1) {
    for (Job& job : jobs) write_all({&job, 1});
    return;
  }
  for (Job& job : jobs) job.failed(error);
}

void Worker::loop_forever() {
  for (;;) {
    std::vector<Job> now;
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
    if (kind_ == Kind::writer) {
      auto there = files_->check(*database_);
      if (there)
        write_all(now);
      else
        for (Job& job : now) job.failed(there.error());
    } else if (!now.front().waiting->gone) {
      read_one(now.front());
    }
    // One call of the loop for all.
    std::vector<std::shared_ptr<Waiting>> answered;
    for (Job& job : now) answered.push_back(std::move(job.waiting));
    asio::post(loop_, [answered = std::move(answered)] {
      for (const auto& waiting : answered) waiting->finish(Outcome::done);
    });
  }
}

}  // namespace lemmy::store
