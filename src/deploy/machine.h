#pragma once
// The rules that move a deploy. No I/O and no clock: what is seen and the time are passed in.
// docs/verdicts.md and docs/architecture.md describe them.
#include <map>
#include <optional>
#include <vector>

#include "config/config.h"
#include "deploy/place.h"

namespace lemmy::deploy {

struct Rules {
  milliseconds deadline{600'000};   // without progress
  milliseconds settle{10'000};      // all ready for so long
  milliseconds wait_for_config{0};  // for configuration that is missing
};

// How long by the steady clock of who looks after it: deploy/stopwatch.h.
struct Waited {
  milliseconds idle{0};    // without progress
  milliseconds ready{0};   // all were ready
  milliseconds failed{0};  // every pod was fatal
};

// A deploy as it shall be stored, and what its history says about it.
struct Move {
  Deploy deploy;
  std::vector<DeployEvent> events;
};

DeployEvent event(const Deploy& deploy, Time now, std::string kind, std::string who, std::string text);
// Into `phase`, with the times that belong to it, and an event.
Move enter(Deploy deploy, Phase phase, Time now, std::string who, std::string text);
// What its pods are meant to be, and who wants that; empty: Lemmy itself.
void want(Deploy& deploy, Wanted wanted, std::string by = "");
// It is the one that serves from now on; `serves`: above those of all others of its target.
void serve(Deploy& deploy, int64_t serves, Time now);
Move go_live(Deploy deploy, int64_t serves, Time now, std::string text);

// What follows for a deploy that rolls out or settles; nullopt: nothing that is worth a write.
// `sight` is not blind. newer_waits: another deploy is queued behind this one, which a stuck deploy makes way
// for. serves: what this one gets when it goes live. `now` is for people only.
std::optional<Move> advance(const Deploy& deploy, const Sight& sight, const Rules& rules, Waited waited,
                            Time now, bool newer_waits, int64_t serves);
// How long until time alone changes what advance() says; at most kLongestLook.
milliseconds until_next(const Deploy& deploy, const Sight& sight, const Rules& rules, Waited waited);
inline constexpr milliseconds kLongestLook{10'000};

// The count a new controller starts with: when it is autoscaled, what the one that serves is wanted to have
// now (0: nothing serves), within the new bounds; else its own. Not how many of those happen to be ready: a
// roll back comes when they are not.
int starting_replicas(int own, int min, int max, int serving_wants);

// Of the queued ones only the newest goes on, and none after a newer one has gone. Pairs of superseded and
// the number that supersedes it.
std::vector<std::pair<int64_t, int64_t>> superseded(const std::vector<Deploy>& deploys);

// Whether a deploy can answer requests, by its pods. no: none has been ready for some seconds; unsure: none
// is at the moment; again: some are, after none was, and not yet for long; part: some are, but not all.
enum class Ready { yes, part, again, unsure, no };
using Readiness = std::map<int64_t, Ready>;  // by number; missing: yes, nothing else is known

// Its pods are there, and are meant to be.
bool runs(const Deploy& deploy);

// Whose pods shall get requests from now on, or none, and why; deploys[number].out_by becomes out_by.
// A roll back takes out what it takes the place of as soon as it is ready itself, or at once when asked so;
// what it took out is let in again when it comes to nothing, or is gone. quarantine: what ended without ever
// being live gets none while others answer. Whatever took them out, pods that are ready are let in while
// nothing else answers, those of what once was live first; and what serves, once what took it out is gone.
struct Turn {
  int64_t number = 0, out_by = 0;
  std::string text;
};
std::vector<Turn> turns(const std::vector<Deploy>& deploys, bool quarantine, const Readiness& ready);
// Who would be taken out by a roll back to `to` that began now, and who else would go on getting requests. By
// number, lowest first. serving: 0, nothing does.
struct TakenOut {
  std::vector<int64_t> out, stay;
};
TakenOut taken_out_by_rollback(const std::vector<Deploy>& deploys, int64_t to, int64_t serving);
// Another one that was live once runs, gets requests and is ready.
bool others_answer(const Deploy& than, const std::vector<Deploy>& deploys, const Readiness& ready);
// How many pods it was asked to have: its own number, unless an autoscaler may set another.
int asked_for(const Deploy& deploy, const Sight& sight);
// As many are ready as it was asked to have, and as its controller is set to: somebody may have set that to
// less.
bool all_ready(const Deploy& deploy, const Sight& sight);

// What the environment's policy asks for now, by number: previous deploys of the serving one are zeroed after
// zero_after, and of the zeroed ones the oldest beyond keep are deleted. served: how long the serving one has
// had all its pods ready, by a steady clock; nullopt: it has not, and the previous ones still answer, so
// nothing is zeroed.
std::vector<std::pair<int64_t, Wanted>> due(const std::vector<Deploy>& deploys, const config::Retire& policy,
                                            std::optional<milliseconds> served);
// Whether due() may say more with time.
bool will_be_due(const std::vector<Deploy>& deploys, const config::Retire& policy);

}  // namespace lemmy::deploy
