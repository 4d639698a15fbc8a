#pragma once
// The rules that move a deploy. No I/O and no clock: what is seen and the time are passed in.
// docs/verdicts.md and docs/architecture.md describe them.
#include <optional>
#include <vector>

#include "config/config.h"
#include "deploy/verdict.h"
#include "domain/deploy.h"

namespace lemmy::deploy {

struct Rules {
  milliseconds deadline{600'000};  // without progress
  milliseconds settle{10'000};     // all ready for so long
};

// What the cluster shows of one deploy now. Only to be used when the picture is live.
struct Seen {
  const kube::ReplicationController* rc = nullptr;  // nullptr: there is none
  Verdict verdict;
};

// A deploy as it shall be stored, and what its history says about it.
struct Move {
  Deploy deploy;
  std::vector<DeployEvent> events;
};

DeployEvent event(const Deploy& deploy, Time now, std::string kind, std::string who, std::string text);
// Into `phase`, with the times that belong to it, and an event.
Move enter(Deploy deploy, Phase phase, Time now, std::string who, std::string text);

// What follows for a deploy that rolls out or settles; nullopt: nothing that is worth a write.
// newer_waits: another deploy is queued behind this one, which a stuck deploy makes way for.
std::optional<Move> advance(const Deploy& deploy, const Seen& seen, const Rules& rules, Time now,
                            bool newer_waits);
// How long until time alone changes what advance() says; at most one minute.
milliseconds until_next(const Deploy& deploy, const Rules& rules, Time now);

// The count a new RC starts with: what is live now when it is autoscaled, within the new bounds; else its
// own.
int starting_replicas(int own, int min, int max, int live_ready);

// Of the queued ones only the newest goes on, and none after a newer one has gone. Pairs of superseded and
// the number that supersedes it.
std::vector<std::pair<int64_t, int64_t>> superseded(const std::vector<Deploy>& deploys);

// What the environment's policy asks for now, by number: previous deploys of the serving one are zeroed after
// zero_after, and of the zeroed ones the oldest beyond keep are deleted. serving_ready: the serving one has a
// ready pod; while it has none the previous ones still answer, so nothing is zeroed.
std::vector<std::pair<int64_t, Wanted>> due(const std::vector<Deploy>& deploys, const config::Retire& policy,
                                            Time now, bool serving_ready);
// How long until due() may say more; nullopt: not before something changes.
std::optional<milliseconds> until_due(const std::vector<Deploy>& deploys, const config::Retire& policy,
                                      Time now);

}  // namespace lemmy::deploy
