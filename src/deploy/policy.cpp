// The environment's retire policy: what served before is zeroed, and then deleted.
#include "deploy/worker.h"

namespace lemmy::deploy {

constexpr seconds kKeepServed{30};

// How long the one that serves has done so, and how long all its pods have been ready; one of no pods was
// asked for so.
void Worker::time_serving(milliseconds zero_after) {
  const Deploy* d = c_.current(target_);
  if (!d || !d->serving_since) {
    serving_ = 0;
    return;
  }
  if (serving_ != d->number) {
    serving_ = d->number;
    served_ = Stopwatch(std::min(d->served, zero_after));  // a restart does not put it off
    serving_ready_.reset();
  }
  served_.look(Clock::now(), kLongestLook);
  auto place = c_.place(*d);
  const Sight sight = place ? (*place)->look(*d) : Sight{.blind = place.error()};
  if (!sight.blind && sight.there && all_ready(*d, sight))
    serving_ready_.look_without_gap(Clock::now(), kLongestLook + seconds{5});
  else
    serving_ready_.reset();
}

Task<Worker::Did> Worker::apply_policy() {
  auto config = c_.around_.config();
  const config::Environment* environment = config->environment(target_.environment);
  if (!environment) co_return Did::nothing;
  const milliseconds zero_after = environment->retire.zero_after.value_or(milliseconds{0});
  time_serving(zero_after);
  auto all = c_.state(target_).copy();
  std::optional<milliseconds> served;
  if (serving_ != 0 && serving_ready_.count() >= rules().settle) served = served_.count();
  for (auto [number, wanted] : due(all, environment->retire, served)) {
    const Deploy* d = c_.find(target_, number);
    if (!d) continue;
    Deploy next = *d;
    want(next, wanted);
    auto e = event(next, now(), "action", "lemmy",
                   wanted == Wanted::zeroed ? "to be scaled to 0 by the environment's retire policy"
                                            : "to be deleted by the environment's retire policy");
    co_return co_await store({std::move(next), {std::move(e)}});
  }
  if (will_be_due(all, environment->retire)) {
    // For whoever goes on after this server.
    if (const Deploy* d = c_.find(target_, serving_); d && served_.count() - d->served >= kKeepServed) {
      Deploy next = *d;
      next.served = served_.count();
      co_return co_await store({std::move(next), {}});
    }
    const milliseconds left = std::max(zero_after - served_.count(), rules().settle - serving_ready_.count());
    look_within(std::clamp(left, milliseconds{5}, kLongestLook));
  }
  co_return Did::nothing;
}

}  // namespace lemmy::deploy
