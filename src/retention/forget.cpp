// What is old is archived, then let go: deploys, builds, the ledger.
#include "base/strings.h"
#include "deploy/crash_point.h"
#include "retention/retention.h"

namespace lemmy::retention {
namespace {

std::unexpected<Error> no_archive() {
  return fail(ErrorCode::unavailable, "archive", "there is none, so nothing is let go: history grows",
              "start with --archive FOLDER");
}

std::string line(const json::object& o) { return valid_utf8(json::serialize(o)) + "\n"; }

std::string line_of(const Target& target, int64_t number, const char* kind, json::object rest) {
  json::object o{
      {"kind", kind}, {"project", target.project}, {"environment", target.environment}, {"number", number}};
  for (auto& [key, value] : rest) o[key] = std::move(value);
  return line(o);
}

}  // namespace

Task<Result<std::vector<Past>>> Retention::pasts(Target target) {
  std::vector<Past> out;
  store::Page page{kPage, ""};
  do {
    auto some = co_await around_.store->deploys(target, page);
    if (!some) co_return fail(some.error());
    for (const Deploy& d : some->items) out.push_back(past(d));
    page.after = some->next;
    co_await sleep_for(times_.pause);
  } while (!page.after.empty());
  co_return out;
}

Task<Result<bool>> Retention::of_target(Target target, config::Retention policy, store::Fence fence) {
  auto all = co_await pasts(target);
  if (!all) co_return fail(all.error());
  auto going = to_forget(*all, policy, now());
  const bool more = going.size() > kMostDeploys;
  if (more) going.resize(kMostDeploys);
  for (const Past& p : going) {
    // Somebody rolls back to it at this moment.
    const Deploy* active = conductor_->active(target);
    bool needed = active && active->rollback_of == p.number;
    for (const Deploy* q : conductor_->queued(target)) needed = needed || q->rollback_of == p.number;
    if (needed) continue;
    auto done = co_await let_go(target, p, fence);
    if (!done) co_return fail(done.error());
    co_await sleep_for(times_.pause);
  }
  co_return more;
}

Task<Result<>> Retention::let_go(Target target, Past p, store::Fence fence) {
  if (!archive_) co_return no_archive();
  auto deploy = co_await around_.store->deploy(target, p.number);
  if (!deploy && deploy.error().code == ErrorCode::not_found) co_return Result<>{};
  if (!deploy) co_return fail(deploy.error());
  if (deploy->revision != p.revision) co_return Result<>{};  // something happens to it: not old
  auto archived = co_await archive_deploy(*deploy, now());
  if (!archived) co_return archived;
  deploy::crash_point();
  auto gone = co_await around_.store->forget_deploy(target, p.number, p.revision, fence);
  if (!gone && gone.error().code == ErrorCode::conflict) co_return Result<>{};
  if (!gone) co_return gone;
  deploy::crash_point();
  conductor_->forget(target, p.number);
  ++gone_.deploys;
  count("deploys", 1);
  co_return gone;
}

// The line of the deploy itself comes last: where it stands, all of it is there.
Task<Result<>> Retention::archive_deploy(Deploy d, Time at) {
  int64_t events = 0, after = 0;
  for (;;) {
    auto some = co_await around_.store->deploy_events(d.target, d.number, after, 1000);
    if (!some) co_return fail(some.error());
    if (some->empty()) break;
    Lines lines;
    for (const DeployEvent& e : *some) {
      json::object of_event;
      of_event["event"] = to_json(e);
      lines += line_of(d.target, d.number, "event", std::move(of_event));
    }
    events += static_cast<int64_t>(some->size());
    after = some->back().seq;
    auto written = co_await write("deploys", at, std::move(lines), false);
    if (!written) co_return written;
  }
  auto names = co_await around_.store->document_names(d.target, d.number);
  if (!names) co_return fail(names.error());
  json::array documents;
  for (const std::string& name : *names) {
    auto text = co_await around_.store->document(d.target, d.number, name);
    // One that is damaged must not hold up all others.
    if (!text && text.error().code != ErrorCode::internal) co_return fail(text.error());
    documents.emplace_back(name);
    // It may have 16 MiB: not on the loop.
    Lines lines = co_await pool_->run([t = d.target, number = d.number, name, text = std::move(text)] {
      json::object of_document;
      of_document["name"] = name;
      of_document["text"] = text.value_or("");
      if (!text) of_document["error"] = text.error().str();
      return line_of(t, number, "document", std::move(of_document));
    });
    auto written = co_await write("deploys", at, std::move(lines), false);
    if (!written) co_return written;
  }
  json::object rest;
  rest["archived_at"] = format_time(at);
  rest["events"] = events;
  rest["documents"] = std::move(documents);
  rest["deploy"] = to_json(d);
  co_return co_await write("deploys", at, line_of(d.target, d.number, "deploy", std::move(rest)), true);
}

Task<Result<std::set<std::string>>> Retention::used_builds(std::string project) {
  std::set<std::string> out;
  auto latest = co_await around_.store->latest_deploys();
  if (!latest) co_return fail(latest.error());
  for (const Deploy& d : *latest) {
    if (d.target.project != project) continue;
    auto all = co_await pasts(d.target);
    if (!all) co_return fail(all.error());
    for (Past& p : *all) out.insert(std::move(p.sha));
  }
  co_return out;
}

Task<Result<>> Retention::of_project(std::string project, config::Retention policy, store::Fence fence) {
  std::optional<std::set<std::string>> used;  // read when it is needed
  size_t place = 0;
  store::Page page{kPage, ""};
  do {
    auto some = co_await around_.store->builds(project, page);
    if (!some) co_return fail(some.error());
    std::vector<std::string> shas;
    Lines lines;
    const Time at = now();
    for (const Build& b : some->items) {
      if (!may_forget(b, place++, {}, policy, at)) continue;
      if (!used) {
        auto found = co_await used_builds(project);
        if (!found) co_return fail(found.error());
        used = std::move(*found);
      }
      if (used->contains(b.sha)) continue;
      lines += line({{"kind", "build"}, {"archived_at", format_time(at)}, {"build", to_json(b)}});
      shas.push_back(b.sha);
    }
    page.after = some->next;
    if (!shas.empty()) {
      auto done = co_await write("builds", at, std::move(lines), true);
      if (!done) co_return done;
      deploy::crash_point();
      auto gone = co_await around_.store->forget_builds(project, std::move(shas), fence);
      if (!gone) co_return fail(gone.error());
      gone_.builds += *gone;
      count("builds", *gone);
    }
    if (!page.after.empty()) co_await sleep_for(times_.pause);
  } while (!page.after.empty());
  co_return Result<>{};
}

Task<Result<>> Retention::of_ledger(config::Retention policy, store::Fence fence) {
  for (;;) {
    const Time at = now(), before = at - *policy.deliveries_for;
    auto oldest = co_await around_.store->oldest_deliveries(kPage);
    if (!oldest) co_return fail(oldest.error());
    int n = 0;
    Lines lines;
    for (const Delivery& d : *oldest) {
      if (d.at >= before) break;
      lines += line({{"kind", "delivery"}, {"archived_at", format_time(at)}, {"delivery", to_json(d)}});
      ++n;
    }
    if (n == 0) co_return Result<>{};
    auto done = co_await write("deliveries", at, std::move(lines), true);
    if (!done) co_return done;
    deploy::crash_point();
    auto gone = co_await around_.store->forget_deliveries(before, n, fence);
    if (!gone) co_return fail(gone.error());
    gone_.deliveries += *gone;
    count("deliveries", *gone);
    if (*gone == 0) co_return Result<>{};  // what cannot be, or a repeated write: the next round looks again
    co_await sleep_for(times_.pause);
  }
}

Task<Result<>> Retention::write(std::string kind, Time at, Lines lines, bool durable) {
  if (!archive_) co_return no_archive();
  // A file has one writer: what hangs may still end.
  if (!writing_.expired())
    co_return fail(ErrorCode::timeout, archive(), "an earlier write has not ended",
                   "look whether the archive's disk hangs");
  auto writing = std::make_shared<bool>(true);
  writing_ = writing;
  auto work =
      pool_->run([archive = archive_, kind = std::move(kind), at, lines = std::move(lines), durable,
                  writing = std::move(writing)] { return archive->append(kind, at, lines, durable); });
  auto done = co_await with_deadline(std::move(work), times_.write_at_most, archive());
  if (!done && done.error().code != ErrorCode::cancelled) count_error(1);
  co_return done;
}

}  // namespace lemmy::retention
