#pragma once
// Inside room store: threads that run work on SQLite connections and come back to the loop.
#include <SQLiteCpp/SQLiteCpp.h>
#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <thread>

#include "async/task.h"
#include "store/sqlite/statement.h"

namespace lemmy::store {

// What an exception of SQLite means to the caller.
Error to_error(const SQLite::Exception& e, const std::string& path);

// Whether the files that are open, the database, its write-ahead log and that one's index, are still those at
// their paths: what goes into one that was removed is lost with the process, and another process that opens
// the store would not see our locks, though SQLite sees nothing wrong. https://sqlite.org/howtocorrupt.html
class FilesAtPath {
 public:
  explicit FilesAtPath(SQLite::Database& database);  // just opened
  // Looks at most once a second, and between that says what it saw; the look may hang with its disk. A log
  // that has gone is written into the database at once, so that nothing that was accepted goes with it.
  Result<> check(SQLite::Database& database);

 private:
  struct File {
    std::string path;
    // As long as it is open no other file of its device gets its inode.
    dev_t device = 0;
    ino_t inode = 0;  // 0: it was not seen yet
    bool there = false;
    void learn();
    void look();
  };
  File main_, log_, index_;
  bool saved_ = false;  // what stood in a log that has gone
  Clock::time_point looked_;
};

// One connection on a thread of its own. For a writer, all work that waits while a commit runs goes together
// into the next transaction, each in a savepoint of its own, and is answered after COMMIT: group commit. It
// fails while the file is not at its path.
// To be destroyed before the loop. Work may run twice (the group was rolled back): it must not change its
// captures.
class Worker {
 public:
  enum class Kind { reader, writer };
  Worker(asio::any_io_executor loop, std::unique_ptr<SQLite::Database> database, Kind kind);
  ~Worker();  // finishes what was queued

  // A wait that is cancelled ends at once with an error of code cancelled; work that has begun may still be
  // kept.
  template <class T>
  Task<Result<T>> run(std::function<Result<T>(DB&)> work) {
    auto result = std::make_shared<Result<T>>(fail(ErrorCode::unavailable, path_, "the store is stopping"));
    Job job;
    job.work = [result, work = std::move(work)](DB& db) {
      *result = work(db);
      return result->has_value();
    };
    job.failed = [result](Error e) { *result = std::unexpected(std::move(e)); };
    std::string path = path_;
    Outcome outcome = co_await wait_for(std::move(job));
    // Unless done, the worker may be writing *result now.
    if (outcome == Outcome::cancelled) co_return fail(ErrorCode::cancelled, path, "cancelled");
    if (outcome == Outcome::full)
      co_return fail(ErrorCode::unavailable, path, "the store has too much to do", "try again in a moment");
    co_return std::move(*result);
  }
  uint64_t commits() const { return commits_; }

  static constexpr size_t kQueue = 4096, kTogether = 512;

 private:
  enum class Outcome { done, full, cancelled };
  struct Waiting {
    std::move_only_function<void(Outcome)> resume;  // loop thread only
    std::atomic<bool> gone = false;                 // nobody waits any more: need not begin
    void finish(Outcome o) {
      gone = true;
      if (auto once = std::exchange(resume, nullptr)) once(o);
    }
  };
  struct Job {
    std::function<bool(DB&)> work;  // false: undo it
    std::function<void(Error)> failed;
    std::shared_ptr<Waiting> waiting;
  };
  Task<Outcome> wait_for(Job job);
  bool enqueue(Job job);
  void loop_forever();
  void read_one(Job& job);
  void write_all(std::span<Job> jobs);
  void write_one(Job& job);

  asio::any_io_executor loop_;
  std::unique_ptr<DB> database_;
  std::string path_;
  Kind kind_;
  std::optional<FilesAtPath> files_;  // of a writer
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::atomic<uint64_t> commits_ = 0;
  std::thread thread_;
};

}  // namespace lemmy::store
