#include <fmt/format.h>

#include <charconv>

#include "cli/command.h"
#include "cli/remote.h"
#include "cli/table.h"

namespace lemmy::cli {
namespace {

constexpr const char* kEventsManual =
    R"(Lists what happened to deploys, oldest first: the newest so many, or those behind a cursor of before (--after). With
--follow it goes on with what comes, until Ctrl-C; with --output json that is one event a line, each with an id that no
other event has. Standard error says when a cursor is so old that events between are gone, or when the server's events
end before it, as after a restore; then it goes on at their end.
Exit codes: 0, 2 bad arguments, 3 not allowed, 6 the server cannot be reached (with --follow it is tried again, once it
has answered).)";

constexpr milliseconds kPoll{2'000};

struct EventsArguments {
  RemoteOptions remote;
  std::string after;
  int limit = 20;
  bool follow = false;
};

bool is_of_phase(std::string_view what) {
  for (std::string_view w : {"started", "live", "rolled_back", "failed", "cancelled", "superseded"})
    if (what == w) return true;
  return false;
}

std::string line(const json::object& e) {
  std::string out =
      fmt::format("{}  {}/{} #{}  {}  {}", field(e, "at"), field(e, "project"), field(e, "environment"),
                  int_or(e, "number"), field(e, "what"), field(e, "build").substr(0, 7));
  const std::string who = field(e, "who"), what = field(e, "what");
  const int64_t out_by = int_or(e, "out_by");
  if (who != "lemmy")
    out += "  by " + who;
  else if (what == "taken_out" && out_by != 0 && out_by != int_or(e, "number"))
    out += fmt::format("  for #{}", out_by);
  else if (const std::string asked_by = field(e, "asked_by"); !asked_by.empty() && is_of_phase(what))
    out += "  asked for by " + asked_by;
  if (const std::string cause = field(e, "cause"); !cause.empty()) out += "  " + cause;
  return out;
}

int64_t number(std::string_view text) {
  int64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

// What is behind the cursor `after`.
void print(const json::object& page, const std::string& after, bool as_json) {
  if (number(after) > number(field(page, "last")))
    fmt::print(
        stderr,
        "the server's events end at {}, before the cursor {}: its store is one of before, and events may "
        "be missed\n",
        field(page, "last"), after);
  else if (bool_or(page, "missed"))
    fmt::print(stderr, "events between are gone: the cursor is too old\n");
  for (const json::value& v : array_in(page, "events")) {
    if (as_json)
      fmt::print("{}\n", json::serialize(v));
    else
      fmt::print("{}\n", line(v.as_object()));
  }
  std::fflush(stdout);
}

Task<Result<json::value>> page_behind(std::shared_ptr<Remote> remote, std::string after, int limit) {
  co_return co_await remote->get(
      fmt::format("/api/v1/events?limit={}&after={}", limit, net::percent_encode(after)));
}

// The cursor behind which the newest are. Numbers may be missing between, so it may be a few less.
Task<Result<std::string>> begin(std::shared_ptr<Remote> remote, EventsArguments a) {
  if (!a.after.empty()) co_return a.after;
  auto end = co_await page_behind(remote, "end", 1);
  if (!end) co_return fail(end.error());
  const int64_t last = number(field(end->as_object(), "next"));
  co_return std::to_string(std::max<int64_t>(0, last - a.limit));
}

Task<Result<int>> events(std::shared_ptr<Remote> remote, EventsArguments a) {
  auto at = co_await begin(remote, a);
  if (!at) co_return fail(at.error());
  bool away = false, given = !a.after.empty();
  for (;;) {
    auto page = co_await page_behind(remote, *at, a.limit);
    const bool again = !page && a.follow && page.error().code == ErrorCode::unavailable;
    if (!page && !again) co_return fail(page.error());
    if (again && !std::exchange(away, true)) fmt::print(stderr, "{}\n", page.error().str());
    if (page) {
      away = false;
      json::object& o = page->as_object();
      // Who gave no cursor asked for the newest, and has missed nothing.
      if (!std::exchange(given, true)) o["missed"] = false;
      if (!a.follow && a.remote.json()) {
        print_json(*page);
        co_return 0;
      }
      print(o, *at, a.remote.json());
      at = field(o, "next");
      if (!a.follow) {
        if (bool_or(o, "more")) fmt::print(stderr, "newer ones: --after {}\n", *at);
        co_return 0;
      }
      if (bool_or(o, "more")) continue;
    }
    co_await sleep_for(kPoll);
  }
}

}  // namespace

void add_events(CLI::App& app, Action& action) {
  auto* c = app.add_subcommand("events", "List what happened to deploys, and follow it");
  c->footer(kEventsManual);
  auto a = std::make_shared<EventsArguments>();
  c->add_option("--limit", a->limit, "so many at once")->check(CLI::Range(1, 1000))->capture_default_str();
  c->add_option("--after", a->after, "goes on behind this cursor: `next` of an answer; 0: from the oldest");
  c->add_flag("--follow", a->follow, "goes on with what comes");
  add_remote_options(*c, a->remote);
  c->callback([&action, a] {
    action = [a] { return run_remote(a->remote, [a](auto remote) { return events(remote, *a); }); };
  });
}

}  // namespace lemmy::cli
