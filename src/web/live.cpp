// The stream of changes: all pages that a browser has open, in one connection.
#include <fmt/format.h>

#include "deploy/dry_runs.h"
#include "live/viewer.h"
#include "web/pages.h"

namespace lemmy::web {
namespace {

constexpr milliseconds kBeat{15'000};  // a page that hears nothing for three of them says so
constexpr auto kLongest = std::chrono::hours(1);
constexpr size_t kMostPages = 64, kLarge = 16 << 10;

net::SharedPiece event(std::string_view name, const json::object& data) {
  return net::piece(net::sse_event(name, "", json::serialize(data)));
}

const net::SharedPiece& beat() {
  static const net::SharedPiece one = event("beat", {});
  return one;
}

net::SharedPiece refused(const std::string& page, const Error& e) {
  return event("refused", {{"page", page}, {"status", http_status(e.code)}, {"what", e.what}});
}

}  // namespace

// A page of a stream.
struct Pages::Shown {
  std::string page;
  std::string have;  // id of what the viewer has
  Outlined outline;  // of that; null: it is not known here
  View view{};
  route::Call call;
  std::string key;
  live::Channels<Fragment>::Watch watch;
  bool told_gone = false;
};

Pages::Answer Pages::follow(route::Call call) {
  std::vector<Wish> wishes;
  for (const auto& [name, value] : call.request.query) {
    if (name == "page") wishes.push_back({value, ""});
    if (name == "have" && !wishes.empty()) wishes.back().have = value;
  }
  if (wishes.empty() || wishes.size() > kMostPages)
    co_return route::problem({ErrorCode::invalid, "page", "1 to 64 pages can be watched at once",
                              "for example /live?page=%2F&page=%2Fprojects%2Fweb"},
                             call.request.path);
  // Of a browser that came again by itself: the page that it heard of last.
  if (const Outlined* last = recent_.find(std::string(net::header(call.request.headers, "Last-Event-ID"))))
    for (Wish& w : wishes) w.have = w.page == (*last)->page ? (*last)->id : "";
  net::Response r;
  r.headers.emplace("Content-Type", "text/event-stream");
  r.headers.emplace("X-Accel-Buffering", "no");
  r.compress = true;
  r.stream = [self = shared_from_this(), call = std::move(call), wishes = std::move(wishes)](
                 std::shared_ptr<net::Stream> out) { return self->stream(call, wishes, std::move(out)); };
  co_return r;
}

// Who may see the page is asked of the route table, as if the browser asked for it now.
std::optional<Error> Pages::open(Shown& shown, const route::Call& call, Signal* news) {
  auto asked = router_->ask(call, shown.page);
  if (!asked) return asked.error();
  auto view = views_.find(asked->route->pattern);
  if (view == views_.end()) return Error{ErrorCode::not_found, shown.page, "this page does not change"};
  shown.view = view->second;
  shown.call = std::move(asked->call);
  auto source = this->source(shown.view, shown.call);
  if (shown.key == source.key) return {};
  shown.key = source.key;
  auto watch = channels_.watch(std::move(source), news, shared_from_this());
  if (!watch) return watch.error();
  shown.watch = std::move(*watch);
  return {};
}

Task<> Pages::stream(route::Call call, std::vector<Wish> wishes, std::shared_ptr<net::Stream> out) {
  const live::Viewer viewer;
  Signal news(services_.loop);
  const auto all = services_.feed->watch(live::Feed::kAllOnly, &news);
  const auto end = Clock::now() + kLongest;
  std::vector<std::unique_ptr<Shown>> shown;
  for (Wish& w : wishes) {
    auto one = std::make_unique<Shown>();
    one->page = std::move(w.page);
    one->have = std::move(w.have);
    if (const Outlined* o = recent_.find(one->have); o && (*o)->page == one->page) one->outline = *o;
    shown.push_back(std::move(one));
  }
  // The token against forged forms is the viewer's own: fragments, which all share, come without.
  const json::object hello{{"csrf", call.csrf}, {"who", call.who.name}};
  auto sent = co_await out->write(event("hello", hello));
  auto quiet_since = Clock::now(), checked = quiet_since;
  bool opened = false;

  while (sent && Clock::now() < end) {
    const bool reconfigured = services_.config() != call.config;
    // What was allowed when the stream began may have ended: the token, the session, the role.
    if (reconfigured || Clock::now() - checked >= kBeat) {
      auto now = router_->again(call);
      if (!now) co_return;
      call = std::move(*now);
      checked = Clock::now();
    }
    if (reconfigured || !opened) {
      opened = true;
      std::vector<net::SharedPiece> refusals;
      std::erase_if(shown, [&](const auto& one) {
        auto why = open(*one, call, &news);
        if (why) refusals.push_back(refused(one->page, *why));
        return why.has_value();
      });
      for (const auto& r : refusals)
        if (sent) sent = co_await out->write(r);
      if (!refusals.empty()) continue;
    }
    bool wrote = false;
    for (const auto& one : shown) {
      // While somebody looks at it, a dry run goes on.
      if (one->view == View::dry_run)
        (void)services_.conductor->dry_runs().look(one->call.target(), one->call.param("run"));
      net::SharedPiece piece;
      const auto newest = one->watch.newest();
      if (newest && newest->outline()->id != one->have) {
        piece = one->outline ? newest->since(*one->outline) : newest->whole();
        one->outline = newest->outline();
        one->have = one->outline->id;
        one->told_gone = false;
      } else if (const auto& trouble = one->watch.trouble();
                 trouble && trouble->code == ErrorCode::not_found && !std::exchange(one->told_gone, true)) {
        piece = refused(one->page, *trouble);
      }
      if (!piece) continue;
      if (piece->plain().size() > kLarge && out->compressed())
        co_await services_.pool->run([piece] { return piece->deflated().crc; });
      sent = co_await out->write(piece);
      wrote = true;
      if (!sent || services_.config() != call.config) break;
    }
    // Two tabs of one page, once they show the same.
    std::set<std::pair<std::string, std::string>> seen;
    std::erase_if(shown, [&](const auto& one) { return !seen.insert({one->page, one->have}).second; });
    if (wrote) {
      quiet_since = Clock::now();
      continue;
    }
    const auto silent = std::chrono::duration_cast<milliseconds>(Clock::now() - quiet_since);
    if (silent >= kBeat) {
      sent = co_await out->write(beat());
      quiet_since = Clock::now();
      continue;
    }
    co_await news.wait(kBeat - silent);
  }
  if (sent) sent = co_await out->write(event("again", {}));
}

}  // namespace lemmy::web
