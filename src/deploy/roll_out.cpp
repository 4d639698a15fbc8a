// The way of one deploy from preparing to live.
#include "async/race.h"
#include "deploy/worker.h"

namespace lemmy::deploy {
namespace {

// What was just applied may not have reached the watch yet.
constexpr milliseconds kUnseen{5'000}, kUnseenLook{250};
constexpr milliseconds kSettleLook{1'000}, kPaused{5'000};
constexpr milliseconds kNoPicture{5'000}, kAskAgain{2'000};
// What is prepared for longer says what it waits for.
constexpr milliseconds kSilent{3'000};
// So long a deploy waits for another run on its hosts; then that is cut, and repeated after the deploy.
constexpr milliseconds kPatience{60'000};

}  // namespace

Task<Worker::Did> Worker::go_on(Deploy d) {
  if (waits(d.number)) co_return Did::nothing;
  auto place = c_.place(d);
  if (!place) co_return co_await trouble(d, place.error(), nullptr);
  if (d.phase == Phase::preparing) co_return co_await prepare(std::move(d), *place);
  if (d.phase == Phase::applying) co_return co_await apply(std::move(d), *place);
  co_return co_await watch(std::move(d), *place);
}

Task<Result<Prepared>> Worker::prepared(Deploy d, Place* place) {
  struct Shared {
    Result<Prepared> made = fail(ErrorCode::cancelled, "", "");
    int64_t revision = 0;  // of the note
  };
  auto shared = std::make_shared<Shared>();
  const Deploy* serving = c_.current(target_);
  std::optional<Deploy> of_now = serving ? std::optional(*serving) : std::nullopt;
  auto prepare = [](Place* p, Deploy d, std::optional<Deploy> now, std::shared_ptr<Shared> s) -> Task<> {
    s->made = co_await p->prepare(std::move(d), std::move(now));
  };
  auto tell = [](Conductor* c, Place* p, Deploy d, std::shared_ptr<Shared> s) -> Task<> {
    for (co_await sleep_for(kSilent);; co_await sleep_for(kSilent)) {
      std::string text = p->waits_for(d);
      if (text.empty() || text == d.note) continue;
      d.note = std::move(text);
      auto saved = co_await c->save(d, {});
      if (!saved) continue;  // somebody wrote it meanwhile, or the store is away
      d = std::move(*saved);
      s->revision = d.revision;
    }
  };
  co_await race(prepare(place, d, std::move(of_now), shared), tell(&c_, place, d, shared));
  if (shared->made && shared->revision > 0) shared->made->deploy.revision = shared->revision;
  co_return std::move(shared->made);
}

Task<Worker::Did> Worker::prepare(Deploy d, Place* place) {
  auto made = co_await prepared(d, place);
  const Deploy* of_now = c_.find(target_, d.number);
  if (!made && of_now && !of_now->cancel_requested_by.empty()) co_return Did::something;
  if (!made && of_now && of_now->revision > d.revision) d = *of_now;  // its note
  if (!made) co_return co_await trouble(std::move(d), made.error(), place);
  crash_point();
  retries_.erase(d.number);
  Move m = enter(std::move(made->deploy), Phase::applying, now(), "lemmy", std::move(made->text));
  m.deploy.idle = milliseconds{0};
  timed_ = 0;
  for (std::string& warning : made->warnings)
    m.events.push_back(event(m.deploy, now(), "warning", "lemmy", std::move(warning)));
  co_return co_await store(std::move(m));
}

Task<Worker::Did> Worker::apply(Deploy d, Place* place) {
  if (auto taken = c_.taken_->runs.find(target_); taken != c_.taken_->runs.end()) {
    Stopwatch& waited = idle(d);
    waited.look(Clock::now(), kLongestLook);
    if (waited.count() > kPatience) place->cut(taken->second);
    look_within(seconds{1});
    co_return co_await note(std::move(d), "waiting for another run on its hosts to end");
  }
  auto done = co_await place->apply(d);
  if (!done) co_return co_await trouble(std::move(d), done.error(), place);
  retries_.erase(d.number);
  timed_ = 0;
  Deploy next = std::move(done->deploy);
  next.idle = milliseconds{0};
  using How = Applied::How;
  if (done->how == How::cancelled) co_return Did::something;
  if (done->how == How::failed) {
    co_await keep_failure(place, next, place->roles(next, ""));
    co_return co_await store(enter(std::move(next), Phase::failed, now(), "lemmy", std::move(done->text)));
  }
  in_places(next, [](DeployPlace& p) { p.presence = Presence::running; });
  const Deploy applied = next;
  Move move = done->how == How::live
                  ? go_live(std::move(next), c_.next_serves(target_), now(), std::move(done->text))
                  : enter(std::move(next), Phase::rolling_out, now(), "lemmy", std::move(done->text));
  for (std::string& warning : done->warnings)
    move.events.push_back(event(move.deploy, now(), "warning", "lemmy", std::move(warning)));
  const Did stored = co_await store(std::move(move));
  co_await place->after_apply(applied);
  co_return stored;
}

Task<Worker::Did> Worker::wait_for_picture(Deploy d, Error why) {
  // Nobody sees whether it makes progress.
  idle_.pause(), ready_.pause();
  look_within(kNoPicture);
  co_return co_await note(std::move(d), "waiting for the cluster: " + why.str());
}

Task<Worker::Did> Worker::watch(Deploy d, Place* place) {
  const Sight sight = place->look(d);
  if (sight.blind) co_return co_await wait_for_picture(std::move(d), *sight.blind);
  Stopwatch& idle = this->idle(d);
  const auto now_steady = Clock::now();
  if (d.phase == Phase::settling) {
    // A server that was paused has not seen whether they stayed ready.
    ready_.look_without_gap(now_steady, kPaused);
  } else {
    ready_.reset();
    idle.look(now_steady, kLongestLook);
  }
  if (sight.there) unseen_.erase(d.number);
  if (!sight.there) {
    // The watch may not have it yet, and somebody may be making it anew.
    const auto since = unseen_.emplace(d.number, now_steady).first->second;
    if (now_steady - since < kUnseen) {
      look_within(kUnseenLook);
      co_return Did::nothing;
    }
    // A watch that hangs looks live for minutes.
    auto left = co_await place->ask(d);
    if (!left || *left == Left::there) {
      look_within(kAskAgain);
      co_return Did::nothing;
    }
  }
  if (sight.failed)
    failed_.look_without_gap(now_steady, kLongestLook + kPaused);
  else
    failed_.reset();
  const Waited waited{idle.count(), ready_.count(), failed_.count()};
  auto move = advance(d, sight, rules(), waited, now(), !c_.queued(target_).empty(), c_.next_serves(target_));
  if (!move) {
    look_within(until_next(d, sight, rules(), waited));
    if (d.phase == Phase::settling) look_within(kSettleLook);
    co_return Did::nothing;
  }
  if (move->deploy.idle < waited.idle) idle.reset();
  const auto ends = [](const std::optional<Move>& m) { return m && is_finished(m->deploy.phase); };
  if (ends(move)) {
    // A watch that hangs looks live for a while.
    auto fresh = co_await place->look_again(d);
    if (!fresh) co_return co_await wait_for_picture(std::move(d), fresh.error());
    const Deploy* newest = c_.find(target_, d.number);
    if (!newest || newest->revision != d.revision) co_return Did::something;
    auto again =
        advance(d, *fresh, rules(), waited, now(), !c_.queued(target_).empty(), c_.next_serves(target_));
    // Both ways: a picture that is old may also show as ready what is not any more.
    if (!ends(again) || again->deploy.phase != move->deploy.phase) {
      ready_.reset();
      look_within(kAskAgain);
      co_return co_await note(std::move(d), "waiting for the cluster: its watch shows an old picture");
    }
    move = std::move(again);
  }
  const Phase phase = move->deploy.phase;
  if (is_finished(phase) && phase != Phase::live) {
    // As they were judged: a pod that restarts looks otherwise a moment later.
    json::object roles = place->roles(d, move->deploy.cause ? move->deploy.cause->pod : "");
    keep_out(*move);
    if (move->deploy.cause) {
      Cause cause = co_await place->explain(d, *move->deploy.cause);
      in_places(move->deploy, [&](DeployPlace& p) { p.cause = cause; });
      co_await keep_failure(place, move->deploy, std::move(roles));
    }
  }
  co_return co_await store(std::move(*move));
}

}  // namespace lemmy::deploy
