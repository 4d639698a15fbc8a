#include "store/datastore/writer.h"

#include "base/log.h"

namespace lemmy::store::datastore {

const Entity* View::find(const Key& key) const {
  for (const State* written : {&staged_, &before_})
    if (auto it = written->find(key); it != written->end())
      return it->second.removed ? nullptr : &it->second.entity;
  auto it = read_.find(key);
  return it == read_.end() ? nullptr : &it->second;
}

void Writer::finish(Job& job) {
  job.done = true;
  job.ended.notify();
}
void Writer::finish(Job& job, const Error& error) {
  job.failed(error);
  finish(job);
}

Task<bool> Writer::wait_for(std::shared_ptr<Job> job) {
  if (stopped_ || queue_.size() >= kQueue) {
    job->failed({ErrorCode::unavailable, api_->place().url,
                 stopped_ ? "the store is stopping" : "the store has too much to do",
                 "try again in a moment"});
    co_return true;
  }
  queue_.push_back(job);
  if (!std::exchange(draining_, true)) spawn(loop_, "writes to Datastore", drain(shared_from_this()));
  try {
    // drain() answers every job: those that wait too long are failed there.
    while (!job->done) co_await job->ended.wait(std::chrono::minutes(1));
    co_return true;
  } catch (const boost::system::system_error& e) {
    if (e.code() != asio::error::operation_aborted) throw;
  }
  job->gone = true;
  co_return false;
}

void Writer::stop() {
  stopped_ = true;
  for (auto& job : std::exchange(queue_, {}))
    finish(*job, {ErrorCode::unavailable, api_->place().url, "the store is stopping"});
}

Writer::Jobs Writer::next_jobs() {
  Jobs out;
  size_t keys = 0;
  while (!queue_.empty() && out.size() < kTogether) {
    auto& job = queue_.front();
    keys += job->reads.size();
    if (!out.empty() && keys > room_ / 2) break;  // the other half is for what is new
    if (!job->gone && Clock::now() - job->since > api_->limits().patience)
      finish(*job, {ErrorCode::timeout, api_->place().url, "the writes before it took too long",
                    "try again in a moment"});
    else if (!job->gone)
      out.push_back(job);
    queue_.pop_front();
  }
  return out;
}

Task<> Writer::drain(std::shared_ptr<Writer> self) {
  while (!self->queue_.empty()) {
    Jobs jobs = self->next_jobs();
    if (jobs.empty()) continue;
    std::string defect;
    try {
      co_await self->transact(jobs);
    } catch (const std::exception& e) {
      defect = e.what();
    }
    if (defect.empty()) continue;
    log::error("a write ended by an exception", {{"what", defect}});
    for (auto& job : jobs)
      if (!job->done) finish(*job, {ErrorCode::internal, self->api_->place().url, defect});
  }
  self->draining_ = false;
}

Task<> Writer::transact(Jobs jobs) {
  Retry retry(api_->limits());
  for (;;) {
    std::erase_if(jobs, [](auto& job) { return job->gone; });
    if (jobs.empty()) co_return;
    auto in = co_await attempt(jobs);
    if (in) {
      for (size_t i = 0; i < *in; ++i) finish(*jobs[i]);
      queue_.insert(queue_.begin(), jobs.begin() + static_cast<ptrdiff_t>(*in), jobs.end());
      co_return;
    }
    const ErrorCode code = in.error().code;
    if (code == ErrorCode::too_large && room_ > kOldEntities) {
      room_ = kOldEntities;
      queue_.insert(queue_.begin(), jobs.begin(), jobs.end());
      co_return;
    }
    auto wait = stopped_ ? std::nullopt : retry.after(in.error());
    if (!wait && (code == ErrorCode::rejected || code == ErrorCode::too_large) && jobs.size() > 1) {
      // One that cannot be written must not fail those beside it.
      for (auto& job : jobs) co_await transact({job});
      co_return;
    }
    if (!wait) {
      Error error = given_up(in.error(), retry.tries());
      for (auto& job : jobs) finish(*job, error);
      co_return;
    }
    co_await sleep_for(*wait);
  }
}

Task<Result<size_t>> Writer::attempt(Jobs jobs) {
  std::set<Key> keys;
  for (auto& job : jobs) keys.insert(job->reads.begin(), job->reads.end());
  auto transaction = co_await api_->begin();
  if (!transaction) co_return fail(transaction.error());
  auto found = co_await api_->lookup_in(*transaction, std::vector<Key>(keys.begin(), keys.end()));
  if (!found) {
    co_await api_->rollback(*transaction);
    co_return fail(found.error());
  }
  std::map<Key, Entity> read;
  for (Entity& e : *found) {
    Key key = e.key;
    read.emplace(std::move(key), std::move(e));
  }

  View::State state;
  std::map<Key, std::string> mutations;
  size_t bytes = 0, in = 0;
  constexpr size_t kOfOne = 4;  // entities that one write makes, mostly
  for (; in < jobs.size() && (in == 0 || (bytes < kBytes && keys.size() + kOfOne <= room_)); ++in) {
    View view(read, state);
    if (!jobs[in]->work(view)) continue;
    for (auto& [key, staged] : view.take()) {
      if (auto it = state.find(key); it != state.end()) staged.fresh |= it->second.fresh;
      std::string text = staged.removed
                             ? removal(key, api_->place())
                             : mutation(staged.fresh ? "insert" : "upsert", staged.entity, api_->place());
      bytes += text.size();
      mutations[key] = std::move(text);
      keys.insert(key);
      state[key] = std::move(staged);
    }
  }
  if (mutations.empty()) {
    co_await api_->rollback(*transaction);
    co_return in;
  }
  std::vector<std::string> texts;
  for (auto& [key, text] : mutations) texts.push_back(std::move(text));
  auto done = co_await api_->commit(*transaction, std::move(texts));
  if (!done) {
    // It may hold locks until it is known to be over.
    if (done.error().code != ErrorCode::conflict) co_await api_->rollback(*transaction);
    co_return fail(done.error());
  }
  ++commits_;
  co_return in;
}

}  // namespace lemmy::store::datastore
