// Whether it is the cluster that Lemmy's deploys were made on. Until that is known nothing is asked of it.
#include <fmt/format.h>

#include "base/log.h"
#include "base/time.h"
#include "kube/cluster.h"

namespace lemmy::kube {
namespace {

constexpr milliseconds kAsk{10'000}, kFirst{200}, kLongest{5'000};

Error another(const std::string& name, const std::string& uid, const std::string& known) {
  return {ErrorCode::unavailable, name,
          fmt::format("another cluster answers than the one its deploys were made on (uid {}, it was {})",
                      uid, known),
          fmt::format("let its kubeconfig lead to that one again; when it was replaced on purpose: "
                      "lemmy accept-cluster {} {}",
                      name, uid)};
}

}  // namespace

void Cluster::recognise_by(Recognise recognise) {
  recognise_ = std::move(recognise);
  doubt(Error{ErrorCode::unavailable, name_, "not connected yet"});
}

void Cluster::look_at_identity() {
  if (!identified_) look_at_identity_.notify();
}

void Cluster::doubt(std::optional<Error> hold) {
  if (!recognise_) return;
  ++identity_asked_;
  identified_ = false;
  if (hold) stranger_ = hold, client_->hold(std::move(hold));
  look_at_identity_.notify();
}

Task<> Cluster::follow_identity() {
  for (int failures = 0;;) {
    const uint64_t asked = identity_asked_;
    co_await identify(asked);
    failures = identified_ ? 0 : failures + 1;
    if (asked != identity_asked_) continue;
    (void)co_await look_at_identity_.wait(identified_ ? times_.probe_every
                                                      : back_off(failures, kFirst, kLongest));
  }
}

Task<> Cluster::identify(uint64_t asked) {
  auto seen = co_await client_->cluster_uid(kAsk);
  if (co_await cancelled()) co_return;
  if (asked != identity_asked_) co_return;
  if (!seen) co_return unidentified(seen.error());
  if (std::exchange(hidden_, !*seen) != hidden_) {
    ++rights_asked_;
    look_at_rights_.notify();
  }
  // Who may not look cannot tell: it goes on as if there were one cluster in the world.
  if (!*seen || **seen == uid_) co_return identified();
  auto known = co_await recognise_(**seen);
  if (co_await cancelled()) co_return;
  if (asked != identity_asked_) co_return;
  if (!known) co_return unidentified(known.error());
  if (*known == **seen) {
    uid_ = *known;
    co_return identified();
  }
  const Error error = another(name_, **seen, *known);
  if (stranger_ == error) co_return;
  log::error("another cluster answers", {{"cluster", name_}, {"what", error.str()}});
  identified_ = false;
  uid_.clear();
  stranger_uid_ = **seen;
  hold(error);
}

// Once known, a question without an answer says nothing: that it is silent the probe tells.
void Cluster::unidentified(Error why) {
  if (identified_ || stranger_ == why) return;
  client_->hold(why);
  stranger_ = std::move(why);
  tell_if_live("");
}

void Cluster::hold(Error why) {
  stranger_ = why;
  client_->hold(std::move(why));
  for (auto& feed : feeds_) again(*feed, true);
  tell_if_live("");
}

void Cluster::identified() {
  const bool held = stranger_.has_value();
  if (!held && identified_) return;
  identified_ = true;
  stranger_.reset();
  stranger_uid_.clear();
  client_->hold(std::nullopt);
  if (held) tell_if_live("");
  known_.notify();
}

}  // namespace lemmy::kube
