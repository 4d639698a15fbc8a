#include "deploy/told.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crypto.h"
#include "base/strings.h"

namespace lemmy::deploy {
namespace {

constexpr size_t kHeadline = 300;
constexpr size_t kLongTarget = 64;  // ids have room for 128

// One line: what a cluster or a program says may have anything in it.
std::string printable(std::string text) {
  std::ranges::replace_if(text, [](char c) { return (c >= 0 && c < ' ') || c == 0x7f; }, ' ');
  return shorten(valid_utf8(text), kHeadline);
}

std::string id_of(const Deploy* before, const Deploy& d, const char* what) {
  std::string of = d.target.str();
  const bool plain = std::ranges::all_of(of, [](char c) { return c > ' ' && c <= '~'; });
  if (!plain || of.size() > kLongTarget) of = sha256_hex(of).substr(0, 32);
  // The store gives its number only with the write: until then its request is what it is known by.
  if (!before) return fmt::format("{}/asked/{}", of, sha256_hex(d.request_id).substr(0, 32));
  return fmt::format("{}/{}/{}/{}", of, d.number, before->revision + 1, what);
}

const char* of_phase(const Deploy& d) {
  switch (d.phase) {
    case Phase::preparing:
      return "started";
    case Phase::live:
      return d.rollback_of ? "rolled_back" : "live";
    case Phase::failed:
      return "failed";
    case Phase::cancelled:
      return "cancelled";
    case Phase::superseded:
      return "superseded";
    default:
      return nullptr;
  }
}

const char* of_presence(Presence was, Presence is) {
  if (was == is || was == Presence::none || was == Presence::deleted) return nullptr;
  switch (is) {
    case Presence::zeroed:
      return "zeroed";
    case Presence::running:
      return "restored";
    case Presence::deleted:
      return "deleted";
    case Presence::none:
      return "replaced";
  }
  return nullptr;
}

}  // namespace

std::vector<store::FeedItem> told(const Deploy* before, const Deploy& d,
                                  const std::vector<DeployEvent>& events) {
  std::vector<store::FeedItem> out;
  const Time at = events.empty() ? now() : events.back().at;
  const std::string by = printable(events.empty() ? "lemmy" : events.back().who);
  auto tell = [&](const char* what, const std::string& who) {
    if (!what) return;
    store::FeedItem i;
    i.id = id_of(before, d, what);
    i.target = d.target;
    i.number = before ? d.number : store::kMade;
    i.at = at;
    i.kind = kTold;
    i.body["what"] = what;
    i.body["build"] = d.sha;
    i.body["phase"] = name(d.phase);
    i.body["phase_before"] = before ? json::value(name(before->phase)) : json::value(nullptr);
    i.body["who"] = who;
    i.body["asked_by"] = printable(d.who);
    if (d.cause && is_finished(d.phase) && d.phase != Phase::live)
      i.body["cause"] = printable(d.cause->summary);
    if (d.out_by != 0) i.body["out_by"] = d.out_by;
    if (d.rollback_of) i.body["rollback_of"] = *d.rollback_of;
    if (!d.release.empty()) i.body["release"] = printable(d.release);
    out.push_back(std::move(i));
  };
  if (!before) {
    tell("queued", by);
    return out;
  }
  if (before->phase != d.phase) tell(of_phase(d), by);
  // Lemmy does it, a little later than somebody asked.
  const bool asked = !d.wanted_by.empty() && d.presence != Presence::none;
  tell(of_presence(before->presence, d.presence), asked ? printable(d.wanted_by) : by);
  if (before->out_by == 0 && d.out_by != 0) tell("taken_out", by);
  if (before->out_by != 0 && d.out_by == 0) tell("let_in", by);
  return out;
}

}  // namespace lemmy::deploy
