// cancel, zero, delete, restore, accept and rollback differ in a word only.
#include <fmt/format.h>
#include <unistd.h>

#include "base/crypto.h"
#include "cli/command.h"
#include "cli/explained.h"
#include "cli/follow.h"
#include "cli/table.h"

namespace lemmy::cli {
namespace {

struct Kind {
  const char* name;
  const char* summary;
  const char* manual;
  const char* done;  // "is being ..."
  bool confirms;     // may take away what serves
};

constexpr Kind kKinds[] = {
    {"cancel", "Cancel a deploy that is not finished",
     "A queued deploy leaves the queue; one that is rolling out stops and is zeroed. What served before "
     "serves on.",
     "cancelled", false},
    {"zero", "Scale a deploy to zero",
     "Its pods go, its objects stay: `lemmy restore` brings it back in seconds.", "zeroed", true},
    {"delete", "Delete a deploy's objects",
     "Its pods and objects go; its manifests stay in Lemmy, so that `lemmy rollback` still works.", "deleted",
     true},
    {"restore", "Scale a zeroed deploy up again",
     "It comes back with its own pods, or as many as the one that serves is wanted to have.", "restored",
     false},
    {"accept", "Accept a failed deploy whose pods are all ready by now",
     "It goes live and is the one that serves, with you and the reason in its history.", "accepted", false},
    {"rollback", "Deploy again what an earlier deploy ran",
     "Makes a new deploy from the manifests and configuration of that one, and waits for it as `lemmy "
     "deploy` does.\nWhat serves now gets no more requests as soon as the pods of that one are ready.\n"
     "On a terminal it first shows what would change and asks; programs are not asked.",
     "", false},
};
constexpr const char* kExitCodes =
    "\nExit codes: 0 accepted, 2 bad arguments, 3 not allowed, 4 no such deploy, 5 it makes no sense now{},\n"
    "6 the server cannot be reached";
constexpr const char* kRollbackCodes =
    "\nExit codes: as of `lemmy deploy`; 0 when --preview was shown, 8 when the answer was no";

struct ActArguments {
  RemoteOptions remote;
  Target target;
  int64_t number = 0;
  std::string reason, timeout = "1h";
  bool confirm = false, no_wait = false, preview = false, yes = false, at_once = false;
};

// The server speaks to pages and programs; here the way to confirm is a flag.
Error with_flag(Error e, bool confirms) {
  if (confirms && e.code == ErrorCode::conflict && e.hint.starts_with("confirm"))
    e.hint = "add --confirm if that is what you want";
  return e;
}

std::string preview_path(const ActArguments& a) {
  return deploy_path(a.target, a.number) + "/rollback-preview" + (a.at_once ? "?at_once=true" : "");
}

Task<Result<int>> preview(std::shared_ptr<Remote> remote, ActArguments a) {
  auto shown = co_await remote->get(preview_path(a));
  if (!shown) co_return fail(shown.error());
  if (a.remote.json())
    print_json(*shown);
  else
    print_preview(stdout, shown->as_object());
  co_return 0;
}

// People see what it changes; programs were asked when somebody wrote them. What served then, 0: nothing.
Task<Result<int64_t>> ask_first(std::shared_ptr<Remote> remote, ActArguments a) {
  auto shown = co_await remote->get(preview_path(a));
  if (!shown) co_return fail(shown.error());
  print_preview(stderr, shown->as_object());
  const int64_t serving = int_or(object_in(shown->as_object(), "serving"), "number");
  if (!bool_or(shown->as_object(), "possible", true))
    co_return fail(ErrorCode::conflict, a.target.str(), field(shown->as_object(), "why"),
                   "nothing was rolled back");
  if (says_yes(fmt::format("Roll {} back to #{}?", a.target.str(), a.number))) co_return serving;
  co_return fail(ErrorCode::cancelled, a.target.str(), "nothing was rolled back");
}

Task<Result<int>> act(std::shared_ptr<Remote> remote, const Kind* kind, ActArguments a) {
  auto limit = parse_duration(a.timeout);
  if (!limit) co_return fail(limit.error());
  if (a.preview) co_return co_await preview(remote, a);
  const bool rolls_back = *kind->done == '\0';
  json::object body;
  if (rolls_back && !a.yes && isatty(STDIN_FILENO)) {
    auto serving = co_await ask_first(remote, a);
    if (!serving) co_return fail(serving.error());
    body["serving"] = *serving;
  }
  if (a.confirm) body["confirm"] = true;
  if (a.at_once) body["at_once"] = true;
  if (!a.reason.empty()) body["reason"] = a.reason;
  net::Headers headers;
  headers.emplace("Idempotency-Key", "cli-" + random_hex(16));
  auto taken = co_await remote->post(deploy_path(a.target, a.number) + "/" + kind->name,
                                     json::serialize(body), headers);
  if (!taken) co_return fail(with_flag(taken.error(), kind->confirms));
  const json::object& d = taken->as_object();
  const int64_t number = int_or(d, "number");
  const bool waits = rolls_back && !a.no_wait;
  if (waits) {
    fmt::print(stderr, "{} #{} rolls back to #{}: {}{}\n", a.target.str(), number, a.number, remote->server(),
               field(d, "url"));
    co_return co_await follow_deploy(remote, {a.target, number, *limit, a.remote.json()});
  }
  if (a.remote.json())
    print_json(*taken);
  else if (rolls_back)
    fmt::print("{} #{} rolls back to #{}\n", a.target.str(), number, a.number);
  else
    fmt::print("{} #{} is being {}\n", a.target.str(), number, kind->done);
  co_return 0;
}

}  // namespace

void add_actions(CLI::App& app, Action& action) {
  for (const Kind& k : kKinds) {
    const bool rollback = *k.done == '\0';
    auto* c = app.add_subcommand(k.name, k.summary);
    const std::string codes =
        fmt::format(fmt::runtime(kExitCodes), k.confirms ? ", or it serves and --confirm is missing" : "");
    c->footer(std::string(k.manual) + (rollback ? kRollbackCodes : codes));
    auto a = std::make_shared<ActArguments>();
    c->add_option("PROJECT", a->target.project)->required();
    c->add_option("ENVIRONMENT", a->target.environment)->required();
    c->add_option("NUMBER", a->number, "of the deploy")->required()->check(number_from_1());
    c->add_option("--reason", a->reason, "for the history");
    if (k.confirms) c->add_flag("--confirm", a->confirm, "also the deploy that serves");
    if (rollback) {
      c->add_flag("--preview", a->preview, "show what it would change now, and change nothing");
      c->add_flag("--yes", a->yes, "do not ask");
      c->add_flag(
          "--at-once", a->at_once,
          "take out what serves now, before what it goes back to is ready: nothing may answer meanwhile");
      c->add_flag("--no-wait", a->no_wait, "return once it is accepted");
      c->add_option("--timeout", a->timeout, "how long to wait")->capture_default_str();
    }
    add_remote_options(*c, a->remote);
    c->callback([&action, a, &k] {
      action = [a, &k] {
        return run_remote(a->remote, [a, &k](auto remote) { return act(remote, &k, *a); });
      };
    });
  }
}

}  // namespace lemmy::cli
