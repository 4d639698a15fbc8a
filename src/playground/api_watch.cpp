#include <fmt/format.h>

#include <charconv>

#include "playground/api.h"
#include "playground/pod_life.h"

namespace lemmy::playground {
namespace {
using std::chrono::seconds;
constexpr size_t kBatch = 2000;  // more than the agenda makes in one turn of the loop
constexpr seconds kBookmark{30};

net::Shared shared(std::string s) { return std::make_shared<const std::string>(std::move(s)); }

std::string line(std::string_view type, std::string_view object) {
  std::string out;
  out.reserve(object.size() + 40);
  out.append(R"({"type":")").append(type).append(R"(","object":)").append(object).append("}\n");
  return out;
}

struct Ask {
  const Resource* what = nullptr;
  Selectors selectors;
  uint64_t from = 0;
  bool initial = false, bookmarks = false, initial_end = false, as_table = false;
  seconds timeout{0};
};

std::string line(std::string_view type, const Object& o, const Ask& ask) {
  if (!ask.as_table) return line(type, *o.text());
  auto alone = std::make_shared<const Object>(o);
  return line(type, json::serialize(table(*ask.what, {alone}, std::to_string(o.version))));
}

// One change as this watch sees it: an object that begins or ceases to match is added or deleted.
std::string line(const Change& c, const Ask& ask) {
  bool was = c.before && ask.selectors.match(*c.before);
  bool is = c.type != Change::Type::deleted && ask.selectors.match(*c.now);
  if (is) return line(was ? "MODIFIED" : "ADDED", *c.now, ask);
  if (!was) return {};
  if (c.type == Change::Type::deleted) return line("DELETED", *c.now, ask);
  Object last = *c.before;  // as it was when it matched, with the version of the change
  last.meta()["resourceVersion"] = std::to_string(c.now->version);
  return line("DELETED", last, ask);
}

std::string bookmark(const Resource& r, uint64_t version, bool initial_end) {
  json::object meta{{"resourceVersion", std::to_string(version)}, {"creationTimestamp", nullptr}};
  if (initial_end) meta["annotations"] = json::object{{"k8s.io/initial-events-end", "true"}};
  return line("BOOKMARK", json::serialize(json::object{
                              {"kind", r.type}, {"apiVersion", r.version}, {"metadata", std::move(meta)}}));
}

Task<> follow(std::shared_ptr<World> world, Ask ask, std::shared_ptr<net::Stream> out) {
  Store& store = world->store;
  Kind kind = ask.what->kind;
  auto deadline = Clock::now() + ask.timeout;
  auto next_bookmark = Clock::now() + kBookmark;
  uint64_t at = ask.from, epoch = world->streams_epoch;
  const uint64_t silent = world->silent_epoch;
  std::string text;
  if (ask.initial) {
    at = store.version();
    for (const auto& [key, o] : store.all(kind))
      if (ask.selectors.match(*o)) text += line("ADDED", *o, ask);
    if (ask.initial_end) text += bookmark(*ask.what, at, true);
  }
  for (;;) {
    while (silent != world->silent_epoch && epoch == world->streams_epoch && !world->stopping)
      co_await sleep_for(milliseconds{20});
    std::vector<Change> changes;
    if (!store.since(kind, at, kBatch, &changes)) {
      Failure old = expired(fmt::format("too old resource version: {} ({})", at, store.oldest(kind)));
      (void)co_await out->write(shared(text + line("ERROR", json::serialize(old.status()))));
      co_return;
    }
    for (const Change& c : changes) {
      text += line(c, ask);
      at = c.now->version;
    }
    if (changes.size() < kBatch) at = store.version();  // nothing of this kind up to here
    bool ends = Clock::now() >= deadline || world->stopping;
    if (ask.bookmarks && changes.size() < kBatch && (ends || Clock::now() >= next_bookmark)) {
      text += bookmark(*ask.what, at, false);
      next_bookmark = Clock::now() + kBookmark;
    }
    if (!text.empty()) {
      auto sent = co_await out->write(shared(std::exchange(text, {})));
      if (!sent) co_return;
    }
    if (ends && changes.size() < kBatch) co_return;
    if (changes.size() == kBatch || at != store.version()) continue;
    if (epoch == world->streams_epoch) {
      auto until = std::min(deadline, next_bookmark) - Clock::now();
      (void)co_await store.changed(kind).wait(
          std::max(milliseconds{1}, std::chrono::ceil<milliseconds>(until)));
    }
    if (epoch != world->streams_epoch) {
      (void)co_await out->write(shared(R"({"type":"MODIFIED","obj)"));
      throw boost::system::system_error(asio::error::operation_aborted);  // closes without an end
    }
  }
}

Task<> follow_log(std::shared_ptr<World> world, Route to, std::string container, bool timestamps, size_t skip,
                  std::shared_ptr<net::Stream> out) {
  uint64_t epoch = world->streams_epoch;
  for (size_t sent = skip; !world->stopping;) {
    Stored pod = world->store.find(Kind::pod, to.ns, to.name);
    if (!pod) co_return;
    auto text = pod_log(*pod, world->pods->life(pod->uid), container, false, timestamps);
    if (!text) co_return;
    if (text->size() > sent) {
      auto ok = co_await out->write(shared(text->substr(sent)));
      if (!ok) co_return;
    }
    sent = text->size();
    co_await sleep_for(milliseconds{500});
    if (epoch != world->streams_epoch) throw boost::system::system_error(asio::error::operation_aborted);
  }
}

}  // namespace

net::Response watch(std::shared_ptr<World> world, const net::Request& request, const Route& to) {
  auto selectors = Selectors::read(request, to);
  if (!selectors) return reply(selectors.error());
  if (!to.name.empty()) {
    auto one = FieldSelector::parse("metadata.name=" + to.name);
    selectors->fields = std::move(*one);
  }
  Ask ask{to.what, std::move(*selectors)};
  auto number = [&](std::string_view key) {
    auto t = request.query_value(key);
    uint64_t n = 0;
    std::from_chars(t.data(), t.data() + t.size(), n);
    return n;
  };
  ask.from = number("resourceVersion");
  ask.bookmarks = request.query_value("allowWatchBookmarks") == "true" ||
                  request.query_value("allowWatchBookmarks") == "1";
  ask.initial_end = request.query_value("sendInitialEvents") == "true";
  ask.initial = ask.from == 0 || ask.initial_end;
  ask.timeout = seconds{int64_t(std::min<uint64_t>(number("timeoutSeconds"), 86'400))};
  if (!ask.timeout.count()) ask.timeout = seconds{1800 + int64_t(world->random() % 1800)};
  ask.as_table = asks_table(request);
  net::Response r = reply(200, "");
  r.stream = [world, ask](std::shared_ptr<net::Stream> out) { return follow(world, ask, out); };
  return r;
}

net::Response log(std::shared_ptr<World> world, const net::Request& request, const Route& to) {
  Stored pod = world->store.find(Kind::pod, to.ns, to.name);
  if (!pod) return reply(not_found(*to.what, to.name));
  auto yes = [&](std::string_view key) {
    auto v = request.query_value(key);
    return v == "true" || v == "1";
  };
  std::string container(request.query_value("container"));
  auto text = pod_log(*pod, world->pods->life(pod->uid), container, yes("previous"), yes("timestamps"));
  if (!text) return reply(text.error());
  size_t whole = text->size();
  if (auto tail = request.query_value("tailLines"); !tail.empty()) {
    long n = 0;
    std::from_chars(tail.data(), tail.data() + tail.size(), n);
    size_t at = text->size();
    for (; at > 0 && n >= 0; --at)
      if ((*text)[at - 1] == '\n' && at != text->size() && --n == 0) break;
    if (n == 0 && tail == "0") at = text->size();
    text->erase(0, at);
  }
  if (auto most = request.query_value("limitBytes"); !most.empty()) {
    size_t n = 0;
    std::from_chars(most.data(), most.data() + most.size(), n);
    if (n && text->size() > n) text->resize(n);
  }
  net::Response r = reply(200, "");
  r.headers.find("Content-Type")->second = "text/plain";
  if (!yes("follow")) {
    r.body = std::move(*text);
    return r;
  }
  bool timestamps = yes("timestamps");
  r.stream = [world, to, container, timestamps,
              skip = whole - text->size()](std::shared_ptr<net::Stream> out) {
    return follow_log(world, to, container, timestamps, skip, out);
  };
  return r;
}

}  // namespace lemmy::playground
