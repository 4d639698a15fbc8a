// The streams of pages: a fragment of <main> whenever what it shows has changed.
#include "base/strings.h"
#include "deploy/dry_runs.h"
#include "live/viewer.h"
#include "web/context.h"
#include "web/pages.h"

namespace lemmy::web {
namespace {

constexpr milliseconds kHeartbeat{15'000};
constexpr auto kLongest = std::chrono::minutes(15);  // then the browser comes again, and signs in again

const net::Shared& constant(std::string_view which) {
  static const auto beat = std::make_shared<const std::string>(": still here\n\n");
  static const auto hello = std::make_shared<const std::string>("retry: 2000\n\n");
  static const net::Shared all[] = {beat, hello};
  return all[which == "hello"];
}

// What two viewers must have in common to be shown the same fragment.
std::string key_of(View view, const route::Call& call, const config::Config& config) {
  std::string key = call.request.path + "?" + query_of(call) + "\n";
  if (view == View::instances) key += config::name(call.who.role);
  if (view == View::home || view == View::instances) return key + join(call.who.projects, ",");
  if (view == View::deploy || view == View::dry_run)
    return key + json::serialize(may_json(call.who, config, call.target()));
  for (const config::Environment& e : config.environments)
    key += json::serialize(may_json(call.who, config, {call.param("project"), e.name}));
  return key;
}

}  // namespace

Pages::Answer Pages::follow(View view, route::Call call) {
  std::string_view last = net::header(call.request.headers, "Last-Event-ID");
  if (last.empty()) last = call.request.query_value("since");
  const uint64_t seen = services_.feed->version_of(last);
  net::Response r;
  r.headers.emplace("Content-Type", "text/event-stream");
  r.headers.emplace("X-Accel-Buffering", "no");
  if (call.request.method == "HEAD") co_return r;
  auto self = shared_from_this();
  r.stream = [self, view, call = std::move(call), seen](std::shared_ptr<net::Stream> out) {
    return self->stream(view, call, seen, std::move(out));
  };
  co_return r;
}

Task<> Pages::stream(View view, route::Call call, uint64_t seen, std::shared_ptr<net::Stream> out) {
  const live::Viewer viewer;
  const std::string topic = topic_of(view, call);
  const std::string revision = call.config->revision;
  const auto end = Clock::now() + kLongest;
  live::Feed* feed = services_.feed;
  auto sent = co_await out->write(constant("hello"));

  // A new configuration may give or take rights: the browser comes again.
  while (sent && Clock::now() < end && services_.config()->revision == revision) {
    // While somebody looks at it, a dry run goes on.
    if (view == View::dry_run) (void)services_.conductor->dry_runs().look(call.target(), call.param("run"));
    if (feed->version(topic) <= seen) {
      bool moved = co_await feed->wait(topic, seen, kHeartbeat);
      if (!moved) sent = co_await out->write(constant("beat"));
      continue;
    }
    Fragments::Ask ask;
    ask.key = key_of(view, call, *call.config);
    ask.csrf = call.csrf;
    ask.version = [feed, topic] { return feed->version(topic); };
    ask.id = [feed](uint64_t version) { return feed->id(version); };
    ask.make = [this, view, call] { return fragment(view, call); };
    auto piece = co_await fragments_.get(std::move(ask));
    if (!piece) {  // the store is away, or the deploy is gone: look again, and let a peer that left be
                   // noticed
      sent = co_await out->write(constant("beat"));
      co_await sleep_for(seconds{1});
      continue;
    }
    sent = co_await out->write(piece->event);
    seen = piece->version;
  }
}

}  // namespace lemmy::web
