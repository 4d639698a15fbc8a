#include "store/postgres/lane.h"

#include "base/log.h"

namespace lemmy::store::postgres {
namespace {
constexpr int kTries = 8;  // of what the server refuses for now
// Callers' errors go out to whoever called Lemmy: host and user are only in the log.
constexpr const char* kWhere = "the database";
}  // namespace

struct Lane::Job {
  std::shared_ptr<const Batch> batch;
  Result<Answers> result;
  bool begun = false, finished = false;
  int tries = 0;
  Clock::time_point until;  // it must have begun by then
  asio::steady_timer changed;

  void finish(Result<Answers> r) {
    result = std::move(r);
    finished = true;
    changed.cancel();
  }
};

Lane::Lane(asio::any_io_executor loop, Address address, Settings settings, Kind kind)
    : loop_(loop),
      address_(std::move(address)),
      settings_(settings),
      kind_(kind),
      work_(loop),
      random_(std::random_device{}()),
      group_(loop) {
  work_.expires_at(Clock::time_point::max());
}

void Lane::start() {
  int n = kind_ == Kind::writes ? settings_.writers : settings_.readers;
  for (int i = 0; i < n; ++i) group_.spawn("postgres", serve(shared_from_this()));
}

void Lane::stop() {
  stopping_ = true;
  group_.cancel();
  for (auto& c : std::exchange(connections_, {})) c->close();
  for (auto& job : std::exchange(jobs_, {}))
    job->finish(fail(ErrorCode::unavailable, kWhere, "the store is stopping"));
}

Task<Result<Answers>> Lane::run(Batch batch) {
  auto self = shared_from_this();
  if (stopping_) co_return fail(ErrorCode::unavailable, kWhere, "the store is stopping");
  if (jobs_.size() >= settings_.queue)
    co_return fail(ErrorCode::unavailable, kWhere, "the store has too much to do", "try again in a moment");
  std::shared_ptr<Job> job(new Job{.batch = std::make_shared<const Batch>(std::move(batch)),
                                   .result = {},
                                   .until = Clock::now() + settings_.patience,
                                   .changed = asio::steady_timer(loop_)});
  jobs_.push_back(job);
  work_.cancel_one();
  while (!job->finished) {
    job->changed.expires_at(job->begun ? Clock::time_point::max() : job->until);
    co_await job->changed.async_wait(asio::as_tuple(asio::use_awaitable));
    if (job->finished) break;
    auto state = co_await asio::this_coro::cancellation_state;
    bool gone = state.cancelled() != asio::cancellation_type::none;
    if (!gone && (job->begun || Clock::now() < job->until)) continue;
    std::erase(jobs_, job);
    if (gone) co_return fail(ErrorCode::cancelled, kWhere, "cancelled");
    if (down_ || connections_.empty())
      co_return fail(ErrorCode::unavailable, kWhere, "it cannot be reached",
                     "Lemmy's log says why; it connects again by itself");
    co_return fail(ErrorCode::unavailable, kWhere, "the store has too much to do", "try again in a moment");
  }
  co_return std::move(job->result);
}

std::shared_ptr<Lane::Job> Lane::next() {
  if (jobs_.empty()) return nullptr;
  auto job = std::move(jobs_.front());
  jobs_.pop_front();
  job->begun = true;
  job->changed.cancel();
  return job;
}

void Lane::again(std::shared_ptr<Job> job) {
  job->begun = false;
  job->until = Clock::now() + settings_.patience;
  job->changed.cancel();
  jobs_.push_front(std::move(job));
}

Task<> Lane::serve(std::shared_ptr<Lane> self) {
  std::shared_ptr<Connection> connection;
  while (!self->stopping_) {
    if (self->jobs_.empty()) {
      co_await self->work_.async_wait(asio::as_tuple(asio::use_awaitable));
      continue;
    }
    if (connection && !connection->alive()) self->connections_.erase(std::exchange(connection, nullptr));
    if (!connection) {
      connection = co_await self->connect();
      continue;  // whoever asked may have gone meanwhile
    }
    if (auto job = self->next()) co_await self->attempt(connection, std::move(job));
  }
}

Task<std::shared_ptr<Connection>> Lane::connect() {
  milliseconds wait = settings_.first_wait;
  while (!stopping_ && !jobs_.empty()) {
    auto opened = co_await Connection::open(loop_, address_, settings_.connect, settings_.statement);
    if (stopping_) break;
    if (opened) {
      if (std::exchange(down_, false)) log::info("the database answers again", {{"store", address_.shown}});
      connections_.insert(*opened);
      co_return *opened;
    }
    if (!std::exchange(down_, true))
      log::warning("the database cannot be reached", {{"what", opened.error().str()}});
    // Not all at the same moment.
    co_await sleep_for(wait / 2 + milliseconds(random_() % wait.count()));
    wait = std::min(wait * 2, settings_.longest_wait);
  }
  co_return nullptr;
}

Task<> Lane::attempt(std::shared_ptr<Connection> c, std::shared_ptr<Job> job) {
  for (;;) {
    auto answers = co_await c->run(job->batch, settings_.answer);
    if (answers) {
      job->finish(std::move(*answers));
      co_return;
    }
    const Refusal no = answers.error();
    bool more = ++job->tries < kTries && !stopping_;
    if (more && no.repeatable()) {
      co_await sleep_for(milliseconds(1 + random_() % (4 << job->tries)));
      continue;
    }
    if (no.outdated()) c->close();
    if (more && (no.outdated() || (no.lost() && kind_ == Kind::reads && job->tries == 1))) {
      again(std::move(job));
      co_return;
    }
    Error error = no.error;
    error.where = kWhere;
    job->finish(fail(std::move(error)));
    co_return;
  }
}

}  // namespace lemmy::store::postgres
