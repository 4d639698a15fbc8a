#include "deploy/worker.h"

#include <fmt/format.h>

#include <boost/system/system_error.hpp>

#include "base/log.h"

namespace lemmy::deploy {
namespace {

constexpr size_t kTogether = 64;
constexpr milliseconds kFirstRetry{1'000}, kLongestRetry{15'000};
// Decisions about a deploy come to rest. Should some not, they cost a write a second, not hundreds.
constexpr int kRestless = 60;
constexpr milliseconds kRest{1'000};
constexpr int kThrown = 3;

}  // namespace

Task<> Worker::run() {
  Conductor::TargetState& s = c_.state(target_);
  while (!c_.stopping_ && c_.leading_) {
    const uint64_t version = s.version;
    wait_ = kNoWait;
    const Did did = co_await step_to_the_end();
    if (did != Did::something) turns_.clear();
    if (did == Did::something && turns_.empty()) continue;  // it looked, and wrote nothing
    auto restless = std::ranges::max_element(turns_, {}, [](const auto& one) { return one.second; });
    if (did == Did::something && restless->second < kRestless) continue;
    if (did == Did::something) {
      if (restless->second == kRestless)
        log::error("what is done does not come to rest; it goes on slowly",
                   {{"project", target_.project}, {"environment", target_.environment}});
      co_await s.signal.wait(kRest);
      continue;
    }
    if (store_failures_ > 0) look_within(back_off(store_failures_, kFirstRetry, kLongestRetry));
    if (s.version != version) continue;
    // Whoever brings news starts this again.
    if (wait_ == kNoWait) co_return;
    co_await s.signal.wait(wait_);
  }
}

Task<Worker::Did> Worker::step() {
  // What is cancelled or superseded must not go on because that could not be written.
  Did did = co_await cancel_requested();
  if (did == Did::nothing) did = co_await supersede();
  // Before anything is taken away: what is to answer in its place is let in.
  if (did == Did::nothing) did = co_await admit();
  if (did == Did::nothing) did = co_await retire();
  if (did == Did::nothing) did = co_await notice();
  if (did == Did::nothing) did = co_await replaced();
  if (did == Did::nothing) did = co_await count_hosts();
  if (did != Did::nothing) co_return did;
  const Deploy* active = c_.active(target_);
  did = active ? co_await go_on(*active) : co_await begin();
  if (did == Did::something) co_return did;
  const Did policy = co_await apply_policy();
  co_return policy == Did::something ? policy : did;
}

// What ended the task, if an exception did; else what it did is in `did`.
template <class Did>
static Task<std::optional<std::string>> thrown_by(Task<Did> task, Did* did) {
  try {
    *did = co_await std::move(task);
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::operation_aborted) throw;
    co_return e.what();
  } catch (const std::exception& e) {
    co_return e.what();
  }
  co_return std::nullopt;
}

Task<Worker::Did> Worker::step_to_the_end() {
  Did did = Did::blocked;
  auto what = co_await thrown_by(step(), &did);
  if (!what) {
    thrown_.clear();
    co_return did;
  }
  const Deploy* active = c_.active(target_);
  const int64_t number = active ? active->number : 0;
  const int times = ++thrown_[number];
  log::error("a step of a deploy was ended by an exception", {{"project", target_.project},
                                                              {"environment", target_.environment},
                                                              {"deploy", std::to_string(number)},
                                                              {"what", *what}});
  look_within(back_off(times, kFirstRetry, kLongestRetry));
  // What was applied is judged by its pods, as long as that may go well.
  if (!active || (active->phase != Phase::preparing && times < kThrown)) co_return Did::blocked;
  Error e{ErrorCode::internal, "lemmy", "it failed itself: " + *what,
          "this is a defect of Lemmy: its log has more, please report it"};
  what = co_await thrown_by(fail_plainly(*active, std::move(e)), &did);
  co_return what ? Did::blocked : did;
}

bool Worker::waits(int64_t number) {
  auto it = retries_.find(number);
  if (it == retries_.end()) return false;
  const milliseconds left = it->second.left();
  if (left <= milliseconds{0}) return false;
  look_within(left);
  return true;
}

void Worker::retry_later(int64_t number) { look_within(retries_[number].failed(kFirstRetry, kLongestRetry)); }

Rules Worker::rules() const {
  Rules r;
  auto config = c_.around_.config();
  if (const config::Project* p = config->project(target_.project)) {
    r.deadline = p->deadline;
    r.settle = p->settle;
    r.wait_for_config = p->wait_for_config;
  }
  return r;
}

// What was used before a restart or a take-over is in the store.
Stopwatch& Worker::idle(const Deploy& d) {
  if (timed_ != d.number) {
    timed_ = d.number;
    idle_ = Stopwatch(d.idle);
    ready_.reset();
    failed_.reset();
  }
  return idle_;
}

Task<Worker::Did> Worker::store(Move move) {
  ++turns_[move.deploy.number];
  const std::string sha = move.deploy.sha, number = std::to_string(move.deploy.number);
  auto saved = co_await c_.save(std::move(move.deploy), std::move(move.events));
  if (saved) {
    store_failures_ = 0;
    crash_point();
    co_return Did::something;
  }
  // A conflict: the picture is fresh again, so look at once.
  if (saved.error().code == ErrorCode::conflict) co_return Did::something;
  ++store_failures_;
  log::warning("a deploy's state could not be written", {{"project", target_.project},
                                                         {"environment", target_.environment},
                                                         {"build", sha},
                                                         {"deploy", number},
                                                         {"what", saved.error().str()}});
  co_return Did::blocked;
}

// Not at once again: the note is written, now it waits.
Task<Worker::Did> Worker::note(Deploy d, std::string text) {
  if (d.note == text) co_return Did::nothing;
  d.note = std::move(text);
  const Did did = co_await store({std::move(d), {}});
  co_return did == Did::blocked ? did : Did::nothing;
}

Task<Worker::Did> Worker::warn(Deploy d, std::string text) {
  if (d.note == text) co_return Did::nothing;
  d.note = std::move(text);
  auto e = event(d, now(), "warning", "lemmy", d.note);
  const Did did = co_await store({std::move(d), {std::move(e)}});
  co_return did == Did::blocked ? did : Did::nothing;
}

Task<Worker::Did> Worker::cancel_requested() {
  for (const Deploy& d : c_.state(target_).copy()) {
    if (d.cancel_requested_by.empty() || is_finished(d.phase)) continue;
    Deploy next = d;
    const bool applied = d.phase >= Phase::applying;
    if (applied && traits_of(d).scales) {
      // Pods of a cancelled deploy would answer requests: they go.
      in_places(next, [](DeployPlace& p) { p.presence = Presence::running; });
      want(next, Wanted::zeroed, d.cancel_requested_by);
    }
    co_return co_await store(enter(std::move(next), Phase::cancelled, now(), d.cancel_requested_by,
                                   applied ? traits_of(d).cancelled : "cancelled"));
  }
  co_return Did::nothing;
}

Task<Worker::Did> Worker::supersede() {
  auto pairs = superseded(c_.state(target_).copy());
  if (pairs.empty()) co_return Did::nothing;
  pairs.resize(std::min(pairs.size(), kTogether));
  const int failures = store_failures_;
  // Together: the newest waits for all of them, and stores put writes that wait into one commit.
  std::vector<Task<Did>> writes;
  for (const auto& [number, by] : pairs)
    if (const Deploy* d = c_.find(target_, number))
      writes.push_back(store(
          enter(*d, Phase::superseded, now(), "lemmy", fmt::format("#{} is newer and goes instead", by))));
  auto done = co_await all(std::move(writes));
  store_failures_ = std::min(store_failures_, failures + 1);  // one trouble, however many writes met it
  const bool any = std::ranges::find(done, Did::something) != done.end();
  co_return any ? Did::something : Did::blocked;
}

Task<Worker::Did> Worker::begin() {
  auto waiting = c_.queued(target_);
  if (waiting.empty()) co_return Did::nothing;
  Deploy d = *waiting.back();
  d.follows.reset();
  if (const Deploy* serving = c_.current(target_)) d.follows = serving->number;
  const char* text = traits_of(d).preparing;
  co_return co_await store(enter(std::move(d), Phase::preparing, now(), "lemmy", text));
}

}  // namespace lemmy::deploy
