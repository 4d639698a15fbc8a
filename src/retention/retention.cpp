// When history is looked at, and how much there is.
#include "retention/retention.h"

#include "base/log.h"
#include "base/metrics.h"
#include "deploy/renew.h"

namespace lemmy::retention {
namespace {

constexpr milliseconds kMeasure{120'000};
constexpr int kSeldom = 20;  // at most this part of the time is spent measuring

}  // namespace

void Retention::count(const char* kind, double n) {
  metrics::count("lemmy_retention_forgotten_total", "What was archived and let go from the store",
                 {{"kind", kind}}, n);
}

void Retention::count_error(double n) {
  metrics::count("lemmy_archive_errors_total", "What could not be written to the archive", {}, n);
}

Retention::Retention(Surroundings surroundings, Conductor* conductor, std::string archive, Pool* pool,
                     Times times)
    : around_(std::move(surroundings)),
      conductor_(conductor),
      times_(times),
      archive_(archive.empty() ? nullptr : std::make_shared<Archive>(std::move(archive))),
      pool_(pool),
      keeping_(around_.loop),
      measures_(around_.loop) {
  for (const char* kind : {"deploys", "builds", "deliveries", "feed"}) count(kind, 0);
  count_error(0);
  if (archive_) measures_.spawn("numbers of the archive", read_archive());
}

Retention::~Retention() {
  *stop_reading_ = true;
  keeping_.cancel();
  measures_.cancel();
}

void Retention::lead(store::Fence fence) {
  keeping_.spawn("numbers of deploys", raise());
  keeping_.spawn("retention", keep(std::move(fence)));
}

Task<> Retention::follow() {
  keeping_.cancel();
  co_await keeping_.join(seconds{5});
  deploy::renew(keeping_, around_.loop);  // it may lead again
  trouble_.reset();
  numbers_trouble_.reset();
}

Task<> Retention::stop() {
  *stop_reading_ = true;
  keeping_.cancel();
  measures_.cancel();
  co_await keeping_.join(seconds{5});
  co_await measures_.join(seconds{2});
}

Task<> Retention::keep(store::Fence fence) {
  co_await rest(times_.first);
  for (;;) {
    const Gone before = gone_;
    auto more = co_await round(fence);
    bool stopped = co_await cancelled();
    if (stopped) co_return;
    if (gone_.all() > before.all())
      log::info("history was archived and let go",
                {{"deploys", std::to_string(gone_.deploys - before.deploys)},
                 {"builds", std::to_string(gone_.builds - before.builds)},
                 {"deliveries", std::to_string(gone_.deliveries - before.deliveries)},
                 {"feed", std::to_string(gone_.feed - before.feed)}});
    if (!more && more.error().code == ErrorCode::forbidden) {
      if (around_.lost) around_.lost();
      co_return;
    }
    if (!more)
      say(more.error());
    else
      said_.clear();
    co_await rest(!more || *more ? times_.first : milliseconds::max());
  }
}

Task<> Retention::rest(milliseconds longest) {
  const auto began = Clock::now();
  for (;;) {
    // Looked at again and again: it may be edited.
    const milliseconds wait = std::min(longest, around_.config()->retention.every);
    const auto left = wait - std::chrono::floor<milliseconds>(Clock::now() - began);
    if (left.count() <= 0) co_return;
    co_await sleep_for(std::min<milliseconds>(left, seconds{1}));
  }
}

void Retention::say(const Error& e) {
  if (e.code == ErrorCode::cancelled) return;
  trouble_ = e;
  if (said_ == e.str()) return;  // once
  said_ = e.str();
  log::warning("history is not let go now", {{"what", said_}});
}

Task<Result<bool>> Retention::round(store::Fence fence) {
  const config::Retention policy = around_.config()->retention;
  bool more = false;
  // First: it needs no archive where there is none, without which the others end here.
  auto trimmed = co_await of_feed(policy, fence);
  if (!trimmed) co_return fail(trimmed.error());
  auto latest = co_await around_.store->latest_deploys();
  if (!latest) co_return fail(latest.error());
  for (const Deploy& d : *latest) {
    // Of few deploys none can be too many.
    if (!forgets_deploys(policy) || d.number <= *policy.deploys) continue;
    auto done = co_await of_target(d.target, policy, fence);
    if (!done) co_return done;
    more = more || *done;
  }
  auto projects = co_await around_.store->projects_with_builds();
  if (!projects) co_return fail(projects.error());
  for (const std::string& project : *projects) {
    if (!forgets_builds(policy)) break;
    auto done = co_await of_project(project, policy, fence);
    if (!done) co_return fail(done.error());
    co_await sleep_for(times_.pause);
  }
  if (policy.deliveries_for) {
    auto done = co_await of_ledger(policy, fence);
    if (!done) co_return fail(done.error());
  }
  trouble_.reset();
  looked_at_ = now();
  co_return more;
}

const Retention::Sizes& Retention::sizes() {
  const auto age = Clock::now() - measured_;
  const bool stale = sizes_.at == Time{} || (age > times_.sizes && age > took_ * kSeldom);
  if (stale && !measuring_) {
    measuring_ = true;
    measures_.spawn("sizes of the store", measure());
  }
  return sizes_;
}

Task<> Retention::measure() {
  const auto began = Clock::now();
  auto kinds = co_await with_deadline(around_.store->sizes(), kMeasure, "the store");
  bool stopped = co_await cancelled();
  if (stopped) co_return;
  int64_t bytes = 0;
  if (archive_) bytes = co_await pool_->run([archive = archive_] { return archive->bytes(); });
  measuring_ = false;
  measured_ = Clock::now();
  took_ = measured_ - began;
  if (!kinds) log::warning("the store could not be measured", {{"what", kinds.error().str()}});
  if (kinds) sizes_.kinds = std::move(*kinds);
  sizes_.archive = bytes;
  sizes_.at = now();
}

}  // namespace lemmy::retention
