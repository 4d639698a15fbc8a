// A deploy as server-sent events: `history` (DeployEvent; its seq is the event id), `status` (what GET
// gives), `trouble` (problem, when the status cannot be told now) and `end`.
#include <fmt/format.h>

#include "api/common.h"
#include "live/shared_views.h"
#include "live/viewer.h"

namespace lemmy::api {
namespace {

constexpr milliseconds kKeepAlive{15'000};
constexpr milliseconds kTroublePause{1'000};
constexpr milliseconds kTrouble{5'000};  // then what could not be told is tried again
constexpr milliseconds kLongest{30 *
                                60'000};  // then the viewer comes again, and its rights are looked at anew
constexpr int kEventsAtOnce = 200;

struct Watch {
  Target target;
  int64_t number = 0;
  int64_t after = 0;      // seq of the last event sent
  int64_t revision = -1;  // of the deploy whose history was sent to its end
  uint64_t seen = 0;      // version of the picture that was sent
  bool trouble = false;   // it, or the history, could not be told
  bool until_finished = false;
};

// The status as an event, for all who watch the deploy.
struct Picture {
  int64_t revision = 0;
  bool finished = false;
  net::Shared event;
};
struct Watching {
  explicit Watching(Shared s) : services(std::move(s)), pictures(services->loop, live::Pace{}) {}
  Shared services;
  live::SharedViews<Picture> pictures;
};
using SharedWatching = std::shared_ptr<Watching>;

net::Shared shared_text(std::string text) { return std::make_shared<const std::string>(std::move(text)); }

Task<Result<>> send_history(Shared s, Watch* w, std::shared_ptr<net::Stream> out) {
  for (;;) {
    auto events = co_await s->store->deploy_events(w->target, w->number, w->after, kEventsAtOnce);
    if (!events) co_return fail(events.error());
    std::string text;
    for (const DeployEvent& e : *events) {
      text += net::sse_event("history", std::to_string(e.seq), json::serialize(to_json(e)));
      w->after = e.seq;
    }
    if (!text.empty())
      if (auto ok = co_await out->write(shared_text(std::move(text))); !ok) co_return ok;
    if (events->size() < static_cast<size_t>(kEventsAtOnce)) co_return Result<>{};
  }
}

json::value problem_json(const Error& e) {
  auto v = parse_json(route::problem(e).body, "problem");
  return v ? *v : json::value(json::object{});
}

Task<Result<Picture>> take_picture(Shared s, Target target, int64_t number) {
  auto status = co_await s->board->status(target, number);
  if (!status) co_return fail(status.error());
  const json::object& deploy = (*status)["deploy"].as_object();
  Picture p;
  p.revision = int_or(deploy, "revision");
  p.finished = bool_or(deploy, "finished");
  p.event = shared_text(net::sse_event("status", "", json::serialize(*status)));
  co_return p;
}

// nullopt: the viewer is gone. True: the deploy is finished and so are we.
Task<std::optional<bool>> send_once(SharedWatching all, Watch* w, std::shared_ptr<net::Stream> out) {
  Shared s = all->services;
  // The picture is taken before the history is read: what it shows as finished has its last event stored.
  auto picture = co_await all->pictures.get(
      fmt::format("{}/{}", w->target.str(), w->number),
      [s, topic = w->target.str()] { return s->feed->version(topic); },
      [s, target = w->target, number = w->number] { return take_picture(s, target, number); });
  // Events come with new revisions only.
  bool told = picture && picture->value->revision == w->revision;
  if (picture && !told) {
    auto history = co_await send_history(s, w, out);
    told = history.has_value();
    w->revision = told ? picture->value->revision : -1;
  }
  const bool end = picture && picture->value->finished && told && w->until_finished;
  auto sent = co_await out->write(
      picture ? picture->value->event
              : shared_text(net::sse_event("trouble", "", json::serialize(problem_json(picture.error())))));
  w->seen = picture ? picture->version : s->feed->version(w->target.str());
  w->trouble = !picture || !told;
  if (sent && end) sent = co_await out->write(shared_text(net::sse_event("end", "", "{}")));
  if (!sent) co_return std::nullopt;
  co_return end;
}

Task<> stream(SharedWatching all, Watch w, std::shared_ptr<net::Stream> out) {
  Shared s = all->services;
  const live::Viewer viewer;
  const auto until = Clock::now() + kLongest;
  if (auto ok = co_await out->write(shared_text("retry: 2000\n\n")); !ok) co_return;
  while (Clock::now() < until) {
    auto sent = co_await send_once(all, &w, out);
    if (!sent || *sent) co_return;
    if (w.trouble) co_await sleep_for(kTroublePause);
    while (Clock::now() < until) {
      const bool news = co_await s->feed->wait(w.target.str(), w.seen, w.trouble ? kTrouble : kKeepAlive);
      if (news || w.trouble) break;
      // A comment keeps proxies from cutting the connection, and finds out who has gone.
      if (auto ok = co_await out->write(shared_text(": still here\n\n")); !ok) co_return;
    }
  }
}

Task<net::Response> events(SharedWatching all, route::Call call) {
  Shared s = all->services;
  auto number = number_of(call);
  if (!number) co_return problem(call, number.error());
  const std::string_view follow = call.request.query_value("follow");
  if (!follow.empty() && follow != "finish")
    co_return problem(call, {ErrorCode::invalid, "follow", "only follow=finish is known"});
  auto found = co_await s->store->deploy(call.target(), *number);
  if (!found) co_return problem(call, found.error());
  Watch w;
  w.target = call.target();
  w.number = *number;
  w.until_finished = follow == "finish";
  const std::string_view last = net::header(call.request.headers, "Last-Event-ID");
  std::from_chars(last.data(), last.data() + last.size(), w.after);  // anything else: from the beginning
  net::Response r;
  r.headers.emplace("Content-Type", "text/event-stream");
  r.headers.emplace("X-Accel-Buffering", "no");
  r.stream = [all, w](std::shared_ptr<net::Stream> out) { return stream(all, w, std::move(out)); };
  co_return r;
}

}  // namespace

void add_events(route::Router& router, Shared s) {
  json::object sse{{"200",
                    {{"description", "server-sent events: history, status, trouble, end"},
                     {"content", {{"text/event-stream", json::object{}}}}}}};
  json::object last{{"name", "Last-Event-ID"},
                    {"in", "header"},
                    {"description", "goes on after this event of the history"},
                    {"schema", {{"type", "string"}}}};
  router.add(
      {.method = "GET",
       .pattern = "/api/v1/projects/{project}/environments/{environment}/deploys/{number}/events",
       .who = route::Who::viewer,
       .kind = route::Kind::api,
       .summary = "The deploy as it happens",
       .handle = [all = std::make_shared<Watching>(s)](route::Call c) { return events(all, std::move(c)); },
       .openapi = {{"parameters",
                    json::array{query_parameter("follow", "string", "finish: end with the deploy"), last}},
                   {"responses", std::move(sse)}}});
}

}  // namespace lemmy::api
