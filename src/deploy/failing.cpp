// What is done about errors from outside, and what is kept of a deploy that fails.
#include "base/log.h"
#include "deploy/worker.h"

namespace lemmy::deploy {

constexpr milliseconds kLongestTry{30'000};  // one call, and the wait before the next

Task<Worker::Did> Worker::trouble(Deploy d, Error e, Place* place) {
  const bool may_pass = e.code == ErrorCode::unavailable || e.code == ErrorCode::timeout ||
                        e.code == ErrorCode::conflict || e.code == ErrorCode::unauthorized ||
                        e.code == ErrorCode::cancelled;
  const bool of_store = e.whose == Whose::store;
  // Only what its own place does ages it; while the store is away nobody could write that it failed either.
  Stopwatch& waited = idle(d);
  of_store ? waited.pause() : waited.look(Clock::now(), kLongestTry);
  d.idle = waited.count();
  const bool late = !of_store && waited.count() > rules().deadline;
  if ((!may_pass && !of_store) || late) {
    // Half of it may be there: what was applied is taken away again.
    if (d.phase == Phase::applying && traits_of(d).scales)
      in_places(d, [](DeployPlace& p) { p.presence = Presence::running; }), want(d, Wanted::deleted);
    co_return co_await fail_deploy(std::move(d), std::move(e), place);
  }
  retry_later(d.number);
  co_return co_await note(std::move(d), kTryingAgain + e.str());
}

static Cause cause_from(Error e) {
  Cause cause;
  cause.summary = (e.where.empty() ? "" : e.where + ": ") + e.what;
  cause.reason = std::string(lemmy::name(e.code));
  cause.message = e.detail;
  cause.hint = e.hint;
  return cause;
}

Task<Worker::Did> Worker::fail_deploy(Deploy d, Error e, Place* place) {
  const Cause cause = cause_from(e);
  in_places(d, [&](DeployPlace& p) { p.cause = cause; });
  co_await keep_failure(place, d, place ? place->roles(d, "") : json::object{});
  co_return co_await fail_plainly(std::move(d), std::move(e));
}

Task<Worker::Did> Worker::fail_plainly(Deploy d, Error e) {
  const Cause cause = cause_from(std::move(e));
  in_places(d, [&](DeployPlace& p) { p.cause = cause; });
  Move move = enter(std::move(d), Phase::failed, now(), "lemmy", cause.summary);
  keep_out(move);
  co_return co_await store(std::move(move));
}

// Kept before the deploy is written as failed, so that whoever hears of that finds it. Without it a deploy
// fails all the same.
Task<> Worker::keep_failure(Place* place, Deploy d, json::object roles) {
  json::object out{{"at", format_time(now())}};
  auto made = co_await read_made(c_.around_.store, d);
  if (made) {
    Made whole = std::move(*made);
    if (place) whole = co_await place->made(std::move(whole));
    auto since = co_await since_last_good(c_.around_.store, c_.around_.pool, std::move(whole));
    for (auto& [key, value] : since) out[key] = std::move(value);
  } else {
    out["last_good"] = nullptr;
    out["difference"] = nullptr;
    out["why"] = "the store does not tell: " + made.error().str();
  }
  json::object of_place = std::move(roles);
  if (place) of_place = co_await place->failure(d, std::move(of_place));
  if (!of_place.contains("events")) of_place["events"] = json::array{};
  for (auto& [key, value] : of_place) out[key] = std::move(value);
  auto put = co_await c_.around_.store->put_document(target_, d.number, "failure", json::serialize(out));
  if (!put)
    log::warning(
        "the explanation of a failure could not be kept",
        {{"project", target_.project}, {"environment", target_.environment}, {"what", put.error().str()}});
}

}  // namespace lemmy::deploy
