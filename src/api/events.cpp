// A deploy as server-sent events: `history` (DeployEvent; its seq is the event id), `status` (what GET
// gives), `trouble` (problem, when the status cannot be told now) and `end`.
#include <fmt/format.h>

#include "api/common.h"
#include "base/strings.h"
#include "live/ages.h"
#include "live/channels.h"
#include "live/viewer.h"

namespace lemmy::api {
namespace {

constexpr milliseconds kKeepAlive{15'000};
constexpr milliseconds kTrouble{5'000};  // then what could not be told is tried again
constexpr auto kLongest = std::chrono::hours(1);
constexpr int kEventsAtOnce = 200;

// The status as an event, for all who watch the deploy.
struct Picture {
  int64_t revision = 0;
  bool finished = false;
  std::string same;  // equal in two that differ in nothing but ages
  net::SharedPiece event;
};
using Pictures = live::Channels<Picture>;
struct Watching {
  Watching(Shared s, const route::Router* r)
      : services(std::move(s)), router(r), pictures(services->loop, services->feed) {}
  Shared services;
  const route::Router* router;
  Pictures pictures;
};
using SharedWatching = std::shared_ptr<Watching>;

struct Watch {
  route::Call call;
  Target target;
  int64_t number = 0;
  int64_t after = 0;                           // seq of the last event sent
  int64_t revision = -1;                       // of the deploy whose history was sent to its end
  std::shared_ptr<const Picture> seen;         // that was sent
  std::optional<Error> told;                   // trouble that was sent
  std::optional<Clock::time_point> try_again;  // the history could not be told
  bool until_finished = false;
};

net::SharedPiece event(std::string_view name, const json::value& data) {
  return net::piece(net::sse_event(name, "", json::serialize(data)));
}

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
      if (auto ok = co_await out->write(net::piece(std::move(text))); !ok) co_return ok;
    if (events->size() < static_cast<size_t>(kEventsAtOnce)) co_return Result<>{};
  }
}

json::value problem_json(const Error& e) {
  auto v = parse_json(route::problem(e).body, "problem");
  return v ? *v : json::value(json::object{});
}

Task<Result<Pictures::Newest>> take_picture(Shared s, Target target, int64_t number,
                                            Pictures::Newest before) {
  auto status = co_await s->board->status(target, number);
  if (!status) co_return fail(status.error());
  // Of 50 pods it takes some milliseconds: not on the loop.
  co_return co_await s->pool->run(
      [before, status = std::move(*status)]() mutable -> Result<Pictures::Newest> {
        const json::object& deploy = status["deploy"].as_object();
        auto p = std::make_shared<Picture>();
        p->revision = int_or(deploy, "revision");
        p->finished = bool_or(deploy, "finished");
        p->event = event("status", status);
        live::drop_ages(status);
        p->same = json::serialize(status);
        if (before && before->same == p->same) return before;
        p->event->deflated();
        return p;
      });
}

Pictures::Source source_of(Shared s, const Watch& w) {
  Pictures::Source source;
  source.key = fmt::format("{}/{}", w.target.str(), w.number);
  source.topic = w.target.str();
  source.make = [s, target = w.target, number = w.number](Pictures::Newest before) {
    return take_picture(s, target, number, std::move(before));
  };
  return source;
}

enum class Sent { nothing, something, end, gone };

Task<Sent> send_picture(Shared s, Watch* w, Pictures::Newest picture, std::shared_ptr<net::Stream> out) {
  // The picture was taken before the history is read: what it shows as finished has its last event stored.
  // Events come with new revisions only.
  bool told = picture->revision == w->revision;
  if (!told) {
    auto history = co_await send_history(s, w, out);
    if (!history && history.error().code == ErrorCode::cancelled) co_return Sent::gone;
    told = history.has_value();
    w->revision = told ? picture->revision : -1;
  }
  w->try_again.reset();
  if (!told) w->try_again = Clock::now() + kTrouble;
  if (picture != w->seen) {
    if (auto ok = co_await out->write(picture->event); !ok) co_return Sent::gone;
    w->seen = picture;
    w->told.reset();
  }
  co_return picture->finished&& told && w->until_finished ? Sent::end : Sent::something;
}

Task<Sent> send_news(Shared s, Watch* w, const Pictures::Watch* watch, std::shared_ptr<net::Stream> out) {
  if (const auto& trouble = watch->trouble(); trouble && trouble != w->told) {
    w->told = trouble;
    auto ok = co_await out->write(event("trouble", problem_json(*trouble)));
    co_return ok ? Sent::something : Sent::gone;
  }
  const auto newest = watch->newest();
  const bool again = w->try_again && Clock::now() >= *w->try_again;
  const bool recovered = w->told && !watch->trouble();
  if (recovered) w->seen.reset();
  if (!newest || (newest == w->seen && !again)) co_return Sent::nothing;
  co_return co_await send_picture(s, w, newest, out);
}

Task<> stream(SharedWatching all, Watch w, std::shared_ptr<net::Stream> out) {
  Shared s = all->services;
  const live::Viewer viewer;
  Signal news(s->loop);
  const auto everything = s->feed->watch(live::Feed::kAllOnly, &news);
  auto watch = all->pictures.watch(source_of(s, w), &news, all);
  if (!watch) {
    (void)co_await out->write(event("trouble", problem_json(watch.error())));
    co_return;
  }
  const auto until = Clock::now() + kLongest;
  auto quiet_since = Clock::now(), checked = quiet_since;
  if (auto ok = co_await out->write(net::piece("retry: 2000\n\n")); !ok) co_return;
  while (Clock::now() < until) {
    // What was allowed when the stream began may have ended: the token, the session, the role.
    if (s->config() != w.call.config || Clock::now() - checked >= kKeepAlive) {
      auto now = all->router->again(w.call);
      if (!now) co_return;
      w.call = std::move(*now);
      checked = Clock::now();
    }
    const Sent sent = co_await send_news(s, &w, &*watch, out);
    if (sent == Sent::gone) co_return;
    if (sent == Sent::end) {
      (void)co_await out->write(net::piece(net::sse_event("end", "", "{}")));
      co_return;
    }
    if (sent == Sent::something) {
      quiet_since = Clock::now();
      continue;
    }
    const auto now = Clock::now();
    if (now - quiet_since >= kKeepAlive) {
      // A comment keeps proxies from cutting the connection, and finds out who has gone.
      if (auto ok = co_await out->write(net::piece(": still here\n\n")); !ok) co_return;
      quiet_since = now;
      continue;
    }
    auto wake = quiet_since + kKeepAlive;
    if (w.try_again) wake = std::min(wake, *w.try_again);
    co_await news.wait(std::chrono::ceil<milliseconds>(wake - now));
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
  w.call = call;
  w.target = call.target();
  w.number = *number;
  w.until_finished = follow == "finish";
  const std::string_view last = net::header(call.request.headers, "Last-Event-ID");
  w.after = whole_number(last).value_or(0);  // anything else: from the beginning
  net::Response r;
  r.headers.emplace("Content-Type", "text/event-stream");
  r.headers.emplace("X-Accel-Buffering", "no");
  r.compress = true;
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
       .handle = [all = std::make_shared<Watching>(s, &router)](
                     route::Call c) { return events(all, std::move(c)); },
       .openapi = {{"parameters",
                    json::array{query_parameter("follow", "string", "finish: end with the deploy"), last}},
                   {"responses", std::move(sse)}}});
}

}  // namespace lemmy::api
