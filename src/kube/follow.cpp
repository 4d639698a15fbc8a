// What the live picture asks of the cluster: lists, watches, and whether these can be believed.
#include <fmt/format.h>

#include "base/log.h"
#include "base/strings.h"
#include "domain/names.h"
#include "kube/cluster.h"
#include "kube/feed_metrics.h"

namespace lemmy::kube {
namespace {
constexpr size_t kLine = 4u << 20, kPage = 16u << 20, kPods = 20'000;
constexpr milliseconds kOpen{20'000}, kRead{30'000}, kListPods{15'000};

milliseconds since(Clock::time_point t) { return std::chrono::floor<milliseconds>(Clock::now() - t); }
}  // namespace

void Cluster::set_trouble(Feed* f, std::optional<Error> error) {
  f->trouble = std::move(error);
  tell_if_live(f->ns);
}

// Who waits for the picture is woken when it can be believed, by whatever that comes about: also when the
// last list of several is read, though no trouble was known of it.
void Cluster::tell_if_live(const std::string& about) {
  const auto why = trouble();
  bool news = std::exchange(troubled_, why.has_value()) != why.has_value();
  if (news)
    log::info(why ? "cluster is in trouble" : "cluster is live",
              {{"cluster", name_}, {"what", why ? why->str() : ""}});
  std::set<std::string> turned;
  const std::set<std::string> one{about};
  for (const std::string& ns : about.empty() ? scopes_ : one)
    for (const Workload w : followed_)
      if (const bool live = is_live(ns, w); std::exchange(told_live_[{ns, w}], live) != live)
        turned.insert(ns);
  news = news || !turned.empty();
  if (!turned.empty())
    for (const Target& t : targets())
      if (namespaces_.empty() || turned.contains(t.environment)) changed_(t);
  if (news) changed_({});
}

Task<> Cluster::follow(Feed* f) {
  // Events are kept beside their objects, so these come first.
  while (f->of == Of::events && !synced(f->ns)) (void)co_await wake_.wait(milliseconds{1'000});
  while (!co_await cancelled()) {
    while (!identified_) (void)co_await known_.wait(milliseconds{60'000});
    WatchProtocol::Step step = f->protocol->next();
    if (step.delay.count()) {
      (void)co_await wake_.wait(step.delay);
      step = f->protocol->next();  // it may have been told to list again meanwhile
    }
    if (step.what == WatchProtocol::Do::list)
      co_await list_once(f, std::move(step.target));
    else
      co_await watch_once(f, std::move(step.target));
    // A list that is to be read anew is no trouble, but until then nothing can be believed.
    tell_if_live(f->ns);
  }
}

Task<> Cluster::list_once(Feed* f, std::string target) {
  const uint64_t asked = ++f->asked;
  net::ClientRequest request{"GET", std::move(target)};
  auto r = co_await client_->send(std::move(request), kOpen, kPage);
  if (f->asked != asked) co_return;
  if (co_await cancelled()) co_return;  // we stop: that is no trouble of the cluster's
  if (!r) {
    if (r.error().code == ErrorCode::too_large) {
      f->protocol->on_page_too_large();
    } else {
      f->protocol->on_connection_lost(milliseconds{0});
      note_reconnect(name_, "lost");
      doubt(std::nullopt);
    }
    co_return set_trouble(f, r.error());
  }
  if (r->status != 200) {
    auto ok = f->protocol->on_list_refused(r->status, r->body, net::header(r->headers, "Retry-After"));
    if (!ok) set_trouble(f, ok.error());
    co_return;
  }
  // A page of big pods takes milliseconds to read: not on the loop.
  auto page = co_await with_deadline(
      client_->pool().run([read = f->read, body = std::move(r->body)] { return read(body); }), kRead, name_);
  if (f->asked != asked) co_return;
  if (!page) {
    f->protocol->on_no_list();
    co_return set_trouble(f, page.error());
  }
  const bool was_whole = synced();
  f->protocol->on_page(page->head, page->put);
  note_news(name_, f->label);
  if (f->protocol->synced()) {
    set_trouble(f, std::nullopt);
    // Who waits for the whole picture; back-offs of others are their own.
    if (!was_whole && synced()) wake_.notify();
  }
}

Task<> Cluster::watch_once(Feed* f, std::string target) {
  const uint64_t asked = ++f->asked;
  net::ClientRequest request{"GET", std::move(target)};
  auto stream = co_await client_->open(std::move(request), kOpen);
  if (f->asked != asked) co_return;
  if (co_await cancelled()) co_return;
  if (!stream) {
    f->protocol->on_connection_lost(milliseconds{0});
    note_reconnect(name_, "lost");
    doubt(std::nullopt);
    co_return set_trouble(f, stream.error());
  }
  if ((*stream)->status() != 200) {
    auto body = co_await (*stream)->read_rest(1 << 16, milliseconds{5'000});
    if (f->asked != asked) co_return;
    auto ok = f->protocol->on_watch_refused((*stream)->status(), body ? *body : "",
                                            net::header((*stream)->headers(), "Retry-After"));
    if (ok) co_return;
    note_reconnect(name_, "lost");
    co_return set_trouble(f, ok.error());
  }
  set_trouble(f, std::nullopt);
  const auto opened = Clock::now();
  ++f->streams;
  struct Open {  // also when this coroutine is cancelled
    net::ClientStream*& slot;
    ~Open() { slot = nullptr; }
  } open{f->open};
  f->open = stream->get();
  for (;;) {
    auto line = co_await (*stream)->read_line(kLine, times_.silence);
    if (f->asked != asked) co_return;
    if (!line || !*line) doubt(std::nullopt);  // what is connected to next may be another one
    if (!line) {
      f->protocol->on_connection_lost(since(opened));
      note_reconnect(name_, line.error().code == ErrorCode::timeout ? "silent" : "lost");
      log::debug("a watch was cut", {{"cluster", name_}, {"kind", f->label}, {"what", line.error().what}});
      co_return;
    }
    if (!*line) {
      f->protocol->on_watch_closed(since(opened));
      note_reconnect(name_, "ended");
      co_return;
    }
    if (auto ok = f->protocol->on_watch_line(**line, since(opened)); !ok) {
      note_reconnect(name_, "lost");
      co_return;
    }
    note_news(name_, f->label);
  }
}

Task<> Cluster::probe() {
  for (size_t turn = 0;; ++turn) {
    co_await sleep_for(times_.probe_every);
    if (stranger_) continue;
    std::vector<Feed*> turns;  // kinds may have come
    for (const auto& f : feeds_)
      if (is_needed(*f, f->only.value_or(Workload::replication_controller))) turns.push_back(f.get());
    co_await probe(turns[turn % turns.size()]);
  }
}

// A connection that stands proves nothing, and neither does another one that answers something else: the
// watch's own question, from where it is, is asked again on another connection.
Task<> Cluster::probe(Feed* f) {
  const bool watches = f->open != nullptr;
  const uint64_t asked = f->asked, stream = f->streams;
  const std::string version = f->protocol->resource_version();
  net::ClientRequest request{"GET", watches ? f->protocol->probe_target() : "/version"};
  auto r = co_await client_->send(std::move(request), times_.probe_limit);
  if (co_await cancelled()) co_return;
  if (stranger_) co_return;  // it was not even sent
  // Refused is answered: what we may not do shows where it is tried.
  const bool silent =
      !r && (r.error().code == ErrorCode::timeout || r.error().code == ErrorCode::unavailable);
  if (silent_ && !silent) wake_.notify();
  silent_ = silent ? std::optional(r.error()) : std::nullopt;
  tell_if_live("");
  if (!watches || !r || r->status != 200) co_return;
  const auto lines = split(r->body, '\n');
  if (!std::ranges::any_of(lines, tells_of_change)) co_return;
  auto same = [&] {
    return f->open && f->asked == asked && f->streams == stream && f->protocol->resource_version() == version;
  };
  if (!same()) co_return;
  co_await sleep_for(times_.probe_grace);
  if (!same()) co_return;
  log::warning("a watch does not tell of what changes; it is opened again",
               {{"cluster", name_}, {"kind", f->label}});
  note_reconnect(name_, "stale");
  f->open->close();
}

Task<Result<std::vector<Pod>>> Cluster::list_pods(Owner owner, std::string controller_uid) {
  auto all = co_await list_pods(owner.target, fmt::format("deploy={}", owner.deploy));
  if (!all) co_return all;
  const auto is_by_another = [&](const Pod& p) {
    return !p.meta.controller.empty() && p.meta.controller != controller_uid;
  };
  std::vector<Meta> sets;
  if (std::ranges::any_of(*all, is_by_another)) {
    auto listed = co_await list_sets(owner, controller_uid);
    if (!listed) co_return fail(listed.error());
    sets = std::move(*listed);
  }
  std::set<std::string_view> by{controller_uid};
  for (const Meta& m : sets) by.insert(m.uid.view());
  std::erase_if(*all, [&](const Pod& p) { return !by.contains(p.meta.controller.view()); });
  co_return all;
}

Task<Result<std::vector<Meta>>> Cluster::list_sets(Owner owner, std::string controller_uid) {
  if (!followed_.contains(Workload::deployment)) co_return std::vector<Meta>{};
  co_return co_await with_deadline(list_chosen_sets(std::move(owner), std::move(controller_uid)), kListPods,
                                   fmt::format("replica sets in {}", name_));
}

Task<Result<std::vector<Meta>>> Cluster::list_chosen_sets(Owner owner, std::string controller_uid) {
  const std::string path = Ref{"/apis/apps/v1", "replicasets", owner.target.environment, ""}.path();
  const std::string selector =
      net::percent_encode(fmt::format("{}=lemmy,project={},environment={},deploy={}", kManagedBy,
                                      owner.target.project, owner.target.environment, owner.deploy));
  net::ClientRequest request{"GET", fmt::format("{}?labelSelector={}&limit=500", path, selector)};
  auto r = co_await client_->send(std::move(request), kListPods, kPage);
  if (!r) co_return fail(r.error());
  if (r->status != 200) co_return fail(api_error(r->status, r->body, path));
  std::vector<Meta> out;
  auto head = read_page(r->body, path, [&](const json::object& o) {
    Meta m = parse_meta(o);
    if (m.controller == controller_uid) out.push_back(std::move(m));
  });
  if (!head) co_return fail(head.error());
  co_return out;
}

Task<Result<std::vector<Pod>>> Cluster::list_pods(Target target, std::string selector) {
  co_return co_await with_deadline(list_chosen_pods(std::move(target), std::move(selector)), kListPods,
                                   fmt::format("pods in {}", name_));
}

Task<Result<std::vector<Pod>>> Cluster::list_chosen_pods(Target of, std::string chosen) {
  const std::string path = fmt::format("/api/v1/namespaces/{}/pods", net::percent_encode(of.environment));
  const std::string selector = net::percent_encode(
      fmt::format("{}=lemmy,project={},environment={},{}", kManagedBy, of.project, of.environment, chosen));
  std::vector<Pod> all;
  std::string next;
  do {
    std::string target = fmt::format("{}?labelSelector={}&limit=500", path, selector);
    if (!next.empty()) target += "&continue=" + net::percent_encode(next);
    net::ClientRequest request{"GET", std::move(target)};
    auto r = co_await client_->send(std::move(request), kListPods, kPage);
    if (!r) co_return fail(r.error());
    if (r->status != 200) co_return fail(api_error(r->status, r->body, path));
    struct Read {
      PageHead head;
      std::vector<Pod> pods;
    };
    auto read = [body = std::move(r->body), path]() -> Result<Read> {
      Read out;
      auto head = read_page(body, path, [&](const json::object& o) {
        Pod p = parse_pod(o);
        if (p.meta.is_stamped()) out.pods.push_back(std::move(p));
      });
      if (!head) return fail(head.error());
      out.head = std::move(*head);
      return out;
    };
    auto page = co_await client_->pool().run(std::move(read));
    if (!page) co_return fail(page.error());
    for (Pod& p : page->pods) all.push_back(std::move(p));
    if (all.size() > kPods) co_return fail(ErrorCode::too_large, path, "a deploy has too many pods");
    next = page->head.next;
  } while (!next.empty());
  co_return all;
}

}  // namespace lemmy::kube
