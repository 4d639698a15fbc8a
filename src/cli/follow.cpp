#include "cli/follow.h"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "base/strings.h"
#include "cli/explained.h"
#include "cli/hosts_shown.h"
#include "cli/table.h"

namespace lemmy::cli {
namespace {

const char* places(const json::object& deploy) {
  return field(deploy, "deployer") == "ansible" ? "hosts" : "pods";
}

constexpr milliseconds kIdle{45'000};     // the server says something every 15 s
constexpr seconds kPatience{60};          // how long a server may stay away
constexpr size_t kLongestLine = 8 << 20;  // of a status

struct Seen {
  std::string last_id, event, data;
  json::object status;
  std::string shown;  // the progress line as it stands
  bool ended = false;
  bool live_line = isatty(STDERR_FILENO);
};

void clear_line(Seen& s) {
  if (s.live_line && !s.shown.empty()) fmt::print(stderr, "\r\x1b[K");
}

void show_history(Seen& s, const json::object& e) {
  clear_line(s);
  s.shown.clear();
  const std::string at = field(e, "at"), who = field(e, "who");
  fmt::print(stderr, "{}  {:<12} {}{}\n", at.size() >= 19 ? at.substr(11, 8) : at, field(e, "phase"),
             field(e, "text"), who.empty() || who == "lemmy" ? "" : " (" + who + ")");
}

void show_status(Seen& s) {
  const json::object& d = object_in(s.status, "deploy");
  // Notes of a roll-out have the counts in them.
  const std::string queue = field(object_in(s.status, "queue"), "text"), note = field(d, "note");
  std::string line = fmt::format("#{} {}: ", field(d, "number"), field(d, "title"));
  const std::string run = run_line(object_in(s.status, "hosts"));
  if (!queue.empty())
    line += queue;
  else if (note.empty() && !run.empty())
    line += run;
  else if (!note.empty())
    line += note;
  else
    line += fmt::format("{}/{} {} ready", field(d, "ready"), field(d, "wanted_pods"), places(d));
  // A line that the terminal breaks in two cannot be cleared as one.
  if (const size_t columns = terminal_columns(STDERR_FILENO)) line = fitting(line, columns - 1);
  if (line == s.shown) return;
  clear_line(s);
  s.shown = line;
  fmt::print(stderr, "{}{}", line, s.live_line ? "" : "\n");
  std::fflush(stderr);
}

void take_event(Seen& s) {
  auto value = parse_json(s.data, "event");
  const json::object* o = value ? value->if_object() : nullptr;
  if (o && s.event == "history") show_history(s, *o);
  if (o && s.event == "status") {
    s.status = *o;
    show_status(s);
  }
  if (s.event == "end") s.ended = true;
}

// WHATWG HTML, 9.2.6, as far as our server uses it.
void take_line(Seen& s, std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) {
    if (!s.event.empty()) take_event(s);
    s.event.clear();
    s.data.clear();
    return;
  }
  const size_t colon = line.find(':');
  if (colon == line.npos || colon == 0) return;
  std::string_view name = line.substr(0, colon), value = line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "event") s.event = value;
  if (name == "id") s.last_id = value;
  if (name == "data") s.data.append(s.data.empty() ? "" : "\n").append(value);
}

void show_cause(const json::object& status) {
  const json::object& c = object_in(status, "cause");
  if (c.empty()) return;
  fmt::print(stderr, "cause: {}\n", field(c, "summary"));
  if (!field(c, "message").empty()) fmt::print(stderr, "  {}\n", field(c, "message"));
  if (!field(c, "hint").empty()) fmt::print(stderr, "  -> {}\n", field(c, "hint"));
  for (const char* key : {"previous_log_tail", "log_tail"}) {
    const std::string_view log = text_or(c, key);
    if (log.empty()) continue;
    fmt::print(stderr, "  last lines of {} {}:\n", field(c, "pod"),
               std::string_view(key) == "log_tail" ? "" : "before its restart");
    for (std::string_view line : split(log, '\n'))
      if (!line.empty()) fmt::print(stderr, "  | {}\n", clean(line));
    break;  // the one before the restart says why it ended
  }
}

Task<int> conclude(std::shared_ptr<Remote> remote, Seen s, Follow f) {
  const json::object& d = object_in(s.status, "deploy");
  const std::string phase = field(d, "phase");
  json::value failure;  // null: it went well, or the server is an older one
  if (phase != "live") {
    auto told = co_await remote->get(deploy_path(f.target, f.number) + "/failure");
    if (told && told->is_object()) failure = std::move(*told);
  }
  if (f.json) {
    json::object out = s.status;
    out["failure"] = failure;
    print_json(out);
  }
  const std::string what = fmt::format("{} #{} of build {}", f.target.str(), f.number, field(d, "short_sha"));
  if (phase == "live") {
    if (!f.json)
      fmt::print("{} is live, {}/{} {} ready\n", what, field(d, "ready"), field(d, "wanted_pods"), places(d));
    co_return 0;
  }
  if (failure.is_object())
    print_failure(stderr, failure.get_object(), true);
  else
    show_cause(s.status);
  if (std::string_view(places(d)) == "hosts") {
    print_hosts(stderr, object_in(s.status, "hosts"));
    fmt::print(stderr, "the run's log: {}{}/log\n", remote->server(), deploy_path(f.target, f.number));
  }
  fmt::print(stderr, "error: {} {}\n", what,
             phase == "failed"      ? "failed"
             : phase == "cancelled" ? "was cancelled"
                                    : "was superseded by a newer deploy");
  co_return phase == "failed" ? kDeployFailed : exit_code(ErrorCode::cancelled);
}

// Ok when the stream ended, for whatever reason.
Task<Result<>> read_stream(net::ClientStream* stream, Seen* seen, Clock::time_point deadline) {
  while (!seen->ended && Clock::now() < deadline) {
    auto line = co_await stream->read_line(kLongestLine, kIdle);
    if (!line) co_return fail(line.error());
    if (!*line) co_return Result<>{};
    take_line(*seen, **line);
  }
  co_return Result<>{};
}

}  // namespace

Interrupted::Interrupted(asio::any_io_executor executor, std::string later)
    : signals_(std::move(executor), SIGINT, SIGTERM) {
  signals_.async_wait([later = std::move(later)](const boost::system::error_code& ec, int signal) {
    if (ec) return;
    fmt::print(stderr, "\n{}\n", later);
    std::fflush(nullptr);
    std::_Exit(128 + signal);
  });
}

Task<Result<int>> follow_deploy(std::shared_ptr<Remote> remote, Follow f) {
  const std::string later =
      fmt::format("the deploy goes on; see: lemmy status {} {}", f.target.project, f.target.environment);
  const Interrupted interrupted(co_await asio::this_coro::executor, later);
  const auto deadline = Clock::now() + f.at_most;
  auto contact = Clock::now();
  Seen seen;
  while (Clock::now() < deadline) {
    net::Headers headers;
    if (!seen.last_id.empty()) headers.emplace("Last-Event-ID", seen.last_id);
    auto stream = co_await remote->open(deploy_path(f.target, f.number) + "/events?follow=finish", headers);
    if (stream) {
      co_await read_stream(stream->get(), &seen, deadline);
      contact = Clock::now();
      seen.event.clear();
      seen.data.clear();
      if (seen.ended) {
        clear_line(seen);
        co_return co_await conclude(remote, std::move(seen), f);
      }
    } else {
      Error e = stream.error();
      const bool away = e.code == ErrorCode::unavailable || e.code == ErrorCode::timeout;
      if (!away || Clock::now() - contact > kPatience) {
        clear_line(seen);
        e.hint = later;
        co_return fail(std::move(e));
      }
    }
    co_await sleep_for(milliseconds{1000});
  }
  clear_line(seen);
  co_return fail(ErrorCode::timeout, f.target.str(),
                 fmt::format("deploy #{} is not finished after {}", f.number, format_duration(f.at_most)),
                 later);
}

}  // namespace lemmy::cli
