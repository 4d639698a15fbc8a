#pragma once
// Inside room store: transactions. All writes that wait while a commit runs go together into the next
// transaction: one begin, one lookup and one commit for many, and no two writes of one server ever meet.
// Writes of other servers do; the whole transaction is then run again.
#include <deque>
#include <map>
#include <set>

#include "store/datastore/api.h"

namespace lemmy::store::datastore {

// What one write sees and does: the entities that it named, as they are in the transaction after the writes
// before it. What it puts is kept only when it succeeds.
class View {
 public:
  struct Staged {
    Entity entity;
    bool fresh = false;  // must not exist
    bool removed = false;
  };
  using State = std::map<Key, Staged>;  // written so far
  View(const std::map<Key, Entity>& read, const State& before) : read_(read), before_(before) {}

  const Entity* find(const Key& key) const;  // nullptr: there is none
  void put(Entity e) { stage({std::move(e), false}); }
  // Nobody else may have it: the transaction is run again when somebody has, and work must choose another
  // key.
  void put_fresh(Entity e) { stage({std::move(e), true}); }
  void remove(Key key) { stage({Entity(std::move(key)), false, true}); }
  State take() { return std::move(staged_); }

 private:
  void stage(Staged s) {
    Key key = s.entity.key;
    staged_.insert_or_assign(std::move(key), std::move(s));
  }

  const std::map<Key, Entity>& read_;
  const State& before_;
  State staged_;
};

class Writer : public std::enable_shared_from_this<Writer> {
 public:
  Writer(asio::any_io_executor loop, std::shared_ptr<Api> api) : loop_(loop), api_(std::move(api)) {}

  // `work` may run several times, and again after a commit whose outcome is not known: it must know by what
  // it finds that it happened. A wait that is cancelled ends with an error of code cancelled; a write that
  // has begun may still be kept.
  template <class T>
  static Task<Result<T>> run(std::shared_ptr<Writer> self, std::vector<Key> reads,
                             std::function<Result<T>(View&)> work) {
    auto result =
        std::make_shared<Result<T>>(fail(ErrorCode::cancelled, self->api_->place().url, "cancelled"));
    auto job = std::make_shared<Job>(self->loop_);
    job->reads = std::move(reads);
    job->work = [result, work = std::move(work)](View& view) {
      *result = work(view);
      return result->has_value();
    };
    job->failed = [result](Error e) { *result = std::unexpected(std::move(e)); };
    bool done = co_await self->wait_for(job);
    if (!done) co_return fail(ErrorCode::cancelled, self->api_->place().url, "cancelled");
    co_return std::move(*result);
  }
  void stop();  // what waits is failed; for when the store goes away
  uint64_t commits() const { return commits_; }

  static constexpr size_t kQueue = 4096, kTogether = 100, kBytes = 4u << 20;
  // Entities of one transaction: Google takes 500. The Datastore emulator still has the old limit of 25, and
  // says so: from then on it is kept.
  static constexpr size_t kEntities = 500, kOldEntities = 25;

 private:
  struct Job {
    explicit Job(asio::any_io_executor loop) : ended(loop) {}
    std::vector<Key> reads;
    std::function<bool(View&)> work;
    std::function<void(Error)> failed;
    Clock::time_point since = Clock::now();
    bool done = false;  // answered
    bool gone = false;  // nobody waits any more
    Signal ended;
  };
  using Jobs = std::vector<std::shared_ptr<Job>>;

  Task<bool> wait_for(std::shared_ptr<Job> job);  // false: cancelled
  static Task<> drain(std::shared_ptr<Writer> self);
  Jobs next_jobs();
  Task<> transact(Jobs jobs);
  Task<Result<size_t>> attempt(Jobs jobs);  // so many from the front are in; the others did not fit
  static void finish(Job& job);
  static void finish(Job& job, const Error& error);

  asio::any_io_executor loop_;
  std::shared_ptr<Api> api_;
  std::deque<std::shared_ptr<Job>> queue_;
  bool draining_ = false, stopped_ = false;
  uint64_t commits_ = 0;
  size_t room_ = kEntities;
};

}  // namespace lemmy::store::datastore
