#pragma once
// What room deploy needs of the places that builds run in: pods on a cluster (room pods), hosts (room hosts).
// A place is told what shall be, never how. Its picture costs no I/O; its effects may be repeated, and what
// was done before is no error. A place outlives the conductor. Loop thread only.
#include <memory>

#include "async/task.h"
#include "deploy/made.h"

namespace lemmy::deploy {

// What is seen of one deploy now.
struct Sight {
  std::optional<Error> blind;          // why the picture cannot be believed; the rest means nothing then
  bool there = true;                   // what it runs by: its controller
  bool observed = true;                // the figures are of what was asked for last
  bool autoscaled = false;             // somebody else may set `wanted`, within bounds
  int wanted = 0;                      // what its controller works towards
  int pods = 0, ready = 0, fatal = 0;  // of those that live
  bool failed = false;                 // there are some, and every one is fatal
  bool may_be_made = false;            // failed for want of configuration that somebody may be about to make
  std::optional<Cause> cause;          // the first that is fatal, else what holds it up
};

// A step of work under way that people can watch, as a playbook on hosts.
class Report {
 public:
  virtual ~Report() = default;
  virtual json::object to_json() const = 0;  // as document "hosts" of docs/api.md
  virtual int ready() const = 0;             // how many have the build
};

// Where the deploy stands when it was prepared: what the place would take, with the documents kept.
struct Prepared {
  Deploy deploy;
  std::string text;                   // for its history
  std::vector<std::string> warnings;  // for its history too
};

struct Applied {
  enum class How {
    begun,     // its controller works: look() tells how it goes on
    live,      // it is done
    failed,    // by deploy.cause
    cancelled  // as was asked for; somebody else writes that
  };
  How how = How::begun;
  Deploy deploy;
  std::string text;
  std::vector<std::string> warnings = {};
};

enum class Left { there, gone };  // what there was to act on

// What a deploy would do, tried out without doing it; filled while it goes on.
struct TryOut {
  virtual ~TryOut() = default;
  Deploy deploy;                         // as it would be
  std::shared_ptr<const Report> report;  // nullptr: there is none
  // {"kind", "name", "ok", "tried": bool (false: it could not be, and "what" says why), "what", "hint",
  // "warnings": [text]}, in the order of applying; the last one is a pod.
  json::array objects;
  std::string log;
  bool cancel_asked = false;
};

// What tells kinds of places apart, for rules and for people; known also of one that is not configured.
struct Traits {
  bool scales;            // it has a controller that can be scaled, zeroed and restored
  bool in_place;          // the build before is not there any more once one is live
  const char* preparing;  // for histories
  const char* cancelled;  // the same, after something was applied
  const char* made_of;    // the document from which it can be deployed again
};
const Traits& traits_of(const Deploy& deploy);

class Place {
 public:
  virtual ~Place() = default;
  virtual Sight look(const Deploy& deploy) const = 0;

  // Renders, sizes by what `serving` (if any) is wanted to have, and asks whether the place would take it.
  virtual Task<Result<Prepared>> prepare(Deploy deploy, std::optional<Deploy> serving) = 0;
  virtual Task<Result<Applied>> apply(Deploy deploy) = 0;
  // After the result of apply() is in the store: what takes long and may be missing. Never fails.
  virtual Task<> after_apply(Deploy deploy) = 0;
  virtual Task<Result<Left>> scale(Deploy deploy, int to) = 0;
  virtual Task<Result<>> remove(Deploy deploy) = 0;  // all that is of this deploy alone
  // Whether its pods, those to come too, get requests (answers), or get none though they run; by the picture.
  virtual bool is_admitted(const Deploy& deploy, bool answers) const = 0;
  // Makes that so. What answers now goes on meanwhile. forbidden: the place does not give Lemmy that right.
  virtual Task<Result<>> admit(Deploy deploy, bool answers) = 0;
  // Asks the place itself: a picture may be old though it looks live.
  virtual Task<Result<Left>> ask(Deploy deploy) = 0;
  // look(), asked for now: before a verdict that cannot be taken back.
  virtual Task<Result<Sight>> look_again(Deploy deploy) = 0;
  // The highest number that anything of the target has there, whether a deploy knows of it or not; 0:
  // nothing.
  virtual int64_t highest_number(const Target& target) const = 0;
  // The count to restore it to.
  virtual int restored_to(const Deploy& deploy, const std::optional<Deploy>& serving) const = 0;
  // How many of its parts still have what `serving` brought, after later deploys that began there and did not
  // go live, in their order.
  virtual Task<Result<int>> still_has(Deploy serving, std::vector<Deploy> /*later*/) {
    co_return serving.running;
  }
  // What apply() does now ends soon, with How::cancelled; what prepare() does, with an error of that code.
  virtual void cancel(const Deploy& deploy) = 0;
  // One sentence, when prepare() waits now for something that may take long; empty: nothing to tell.
  virtual std::string waits_for(const Deploy&) const { return {}; }
  virtual void cut(const std::string& run) = 0;  // of Conductor::take_hosts: it makes way

  // Of apply() under way; nullptr: none.
  virtual std::shared_ptr<const Report> report(const Deploy& deploy) const = 0;
  virtual Task<Result<std::string>> log(Deploy deploy) const = 0;  // of apply(), so far

  // --- why it failed. The deploy's pods as they are now, by the role they play in it; no I/O.
  virtual json::object roles(const Deploy& deploy, const std::string& first_pod) const = 0;
  virtual Task<Cause> explain(Deploy deploy, Cause cause) = 0;  // with what only the place can tell
  // What it would have sent, when it failed before that was kept; `failure`: adds logs and events to roles().
  virtual Task<Made> made(Made made) = 0;
  virtual Task<json::object> failure(Deploy deploy, json::object roles) = 0;

  // What of it is not there as it was applied: deleted or changed by others. Asks the place, at most some
  // seconds. {"complete": bool (all could be asked), "compared": objects, "items": [manifest/drift.h], at
  // most 100, "left_out", "unasked": [{"kind", "name", "why"}], "refused": the same, of what cannot be
  // applied anew, so that only what Lemmy named was compared}. An error: nothing could be asked; invalid:
  // such a place cannot tell. Unless `afresh`, what has not changed since it was last compared counts as it
  // did then, which costs a read and no dry run.
  virtual Task<Result<json::object>> drift(Deploy deploy, bool afresh);

  // --- dry runs
  virtual Task<Result<>> try_out(std::shared_ptr<TryOut> run) = 0;
  virtual void cancel_try_out(const Target& target) = 0;
  virtual Task<Result<std::string>> try_out_log(Target target) const = 0;  // so far
  virtual Task<> forget_try_out(Target target) = 0;                        // what was left on disk
};

// Of a project or an environment that has deploys and is not configured any more: which file had it.
Error left_configuration(const config::Config& config, const Target& target);

// Of Conductor::take_hosts while a dry run goes on. No deploy's: those end in a number.
std::string dry_run_id(const Target& target);

// Whose an error is: those of the store neither age nor fail a deploy.
std::unexpected<Error> of_store(Error e);
std::unexpected<Error> of_place(Error e);

}  // namespace lemmy::deploy
