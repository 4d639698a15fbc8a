#pragma once
// What the store's feed tells of deploys: of each change that people or systems want to hear of one item,
// which is appended in the transaction that writes the deploy. Pure.
#include <string>
#include <vector>

#include "store/entries.h"

namespace lemmy::deploy {

inline constexpr const char* kTold = "deploys";  // FeedItem::kind

// The items of one write of a deploy, in order. `before`: as it was stored; nullptr: this write makes it.
// `events`: what the write adds to its history, which says who did it. The body has
//   what: queued | started | live | rolled_back (a roll back went live) | failed | cancelled | superseded |
//         zeroed | restored | deleted | replaced (on its hosts, by a later one) | taken_out | let_in (of
//         requests)
//   build, phase, phase_before (null: it is new), who, asked_by; as far as there is one: cause (its headline,
//   one printable line), out_by, rollback_of, release
// An id has the revision that the write makes, and a revision is written once: who repeats a write makes no
// second item, and ids never tell two changes alike.
std::vector<store::FeedItem> told(const Deploy* before, const Deploy& after,
                                  const std::vector<DeployEvent>& events);

}  // namespace lemmy::deploy
