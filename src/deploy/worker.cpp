#include "deploy/worker.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "deploy/failure.h"

namespace lemmy::deploy {
namespace {

constexpr size_t kTogether = 64;
constexpr milliseconds kFirstRetry{500}, kLongestRetry{15'000};

milliseconds back_off(int tries) { return std::min(kLongestRetry, kFirstRetry * (1 << std::min(tries, 6))); }

}  // namespace

Error project_left(const std::string& project) {
  return {ErrorCode::not_found, "project", "the project has left the configuration",
          "put projects/" + project + " back"};
}

Task<> Worker::run() {
  Conductor::TargetState& s = c_.state(target_);
  while (!c_.stopping_ && c_.leading_) {
    const uint64_t version = s.version;
    Step did = co_await step();
    if (did.again) continue;
    if (s.version != version) continue;
    // Whoever brings news starts this again.
    if (did.wait == kNoWait) co_return;
    co_await s.signal.wait(did.wait);
  }
}

Task<Worker::Step> Worker::step() {
  Step step;
  const int failures = store_failures_;
  step.again = co_await cancel_requested();
  if (!step.again && store_failures_ == failures) step.again = co_await supersede();
  if (step.again) co_return step;
  // What is cancelled or superseded must not go on because that could not be written.
  if (store_failures_ > failures) {
    step.sooner(back_off(store_failures_));
    co_return step;
  }
  step.again = co_await retire(&step);
  if (step.again) co_return step;
  step.again = co_await notice(&step);
  if (step.again) co_return step;
  step.again = co_await replaced_on_hosts();
  if (step.again) co_return step;
  const Deploy* active = c_.active(target_);
  if (active) {
    Deploy d = *active;
    const bool hosts = d.deployer == Deployer::ansible;
    if (hosts && d.phase == Phase::preparing)
      step.again = co_await prepare_hosts(d, &step);
    else if (hosts)
      step.again = co_await run_playbook(d, &step);
    else if (d.phase == Phase::preparing)
      step.again = co_await prepare(d, &step);
    else if (d.phase == Phase::applying)
      step.again = co_await apply(d, &step);
    else
      step.again = co_await watch(d, &step);
  } else {
    step.again = co_await begin();
  }
  if (step.again) co_return step;
  step.again = co_await apply_policy(&step);
  if (store_failures_ > 0) step.sooner(back_off(store_failures_));
  co_return step;
}

bool Worker::waits(int64_t number, Step* step) const {
  auto it = retries_.find(number);
  if (it == retries_.end() || it->second.next <= now()) return false;
  step->sooner(it->second.next - now());
  return true;
}

void Worker::retry_later(int64_t number, Step* step) {
  Retry& r = retries_[number];
  const milliseconds wait = back_off(++r.tries);
  r.next = now() + wait;
  step->sooner(wait);
}

Result<const config::Project*> Worker::project(const config::Config& config) const {
  if (const config::Project* p = config.project(target_.project)) return p;
  return fail(project_left(target_.project));
}

Rules Worker::rules() const {
  Rules r;
  auto config = c_.around_.config();
  if (const config::Project* p = config->project(target_.project)) {
    r.deadline = p->deadline;
    r.settle = p->settle;
  }
  return r;
}

Result<> Worker::same_cluster(const Deploy& d) const {
  auto config = c_.around_.config();
  const config::Environment* e = config->environment(target_.environment);
  if (!e || e->cluster == d.cluster) return {};
  return fail(ErrorCode::unavailable, target_.environment,
              fmt::format("#{} runs in cluster {}, and environments.yaml names {} now", d.number,
                          d.cluster.empty() ? "(default)" : d.cluster, e->cluster),
              "name the cluster again until what runs there is deleted");
}

Task<bool> Worker::store(Move move) {
  const std::string sha = move.deploy.sha, number = std::to_string(move.deploy.number);
  auto saved = co_await c_.save(std::move(move.deploy), std::move(move.events));
  if (saved) {
    store_failures_ = 0;
    crash_point();
    co_return true;
  }
  // A conflict: the picture is fresh again, so look at once.
  if (saved.error().code == ErrorCode::conflict) co_return true;
  ++store_failures_;
  log::warning("a deploy's state could not be written", {{"project", target_.project},
                                                         {"environment", target_.environment},
                                                         {"build", sha},
                                                         {"deploy", number},
                                                         {"what", saved.error().str()}});
  co_return false;
}

Task<bool> Worker::cancel_requested() {
  for (const Deploy& d : c_.state(target_).copy()) {
    if (d.cancel_requested_by.empty() || is_finished(d.phase)) continue;
    Deploy next = d;
    const bool applied = d.phase >= Phase::applying;
    const bool hosts = d.deployer == Deployer::ansible;
    if (applied && !hosts) {
      // Pods of a cancelled deploy would answer requests: they go.
      next.presence = Presence::running;
      next.wanted = Wanted::zeroed;
    }
    bool done = co_await store(enter(std::move(next), Phase::cancelled, now(), d.cancel_requested_by,
                                     !applied ? "cancelled"
                                     : hosts  ? "cancelled; what was started on hosts may still run there"
                                              : "cancelled; its pods are scaled to 0"));
    co_return done;
  }
  co_return false;
}

Task<bool> Worker::supersede() {
  auto pairs = superseded(c_.state(target_).copy());
  if (pairs.empty()) co_return false;
  pairs.resize(std::min(pairs.size(), kTogether));
  const int failures = store_failures_;
  // Together: the newest waits for all of them, and stores put writes that wait into one commit.
  std::vector<Task<bool>> writes;
  for (const auto& [number, by] : pairs)
    if (const Deploy* d = c_.find(target_, number))
      writes.push_back(store(
          enter(*d, Phase::superseded, now(), "lemmy", fmt::format("#{} is newer and goes instead", by))));
  auto done = co_await all(std::move(writes));
  store_failures_ = std::min(store_failures_, failures + 1);  // one trouble, however many writes met it
  co_return std::ranges::find(done, true) != done.end();
}

Task<bool> Worker::begin() {
  auto waiting = c_.queued(target_);
  if (waiting.empty()) co_return false;
  Deploy d = *waiting.back();
  const Deploy* serving = c_.current(target_);
  if (serving) d.follows = serving->number;
  const char* text = d.deployer == Deployer::ansible
                         ? "looking for the hosts"
                         : "rendering, and asking the cluster whether it would take it";
  co_return co_await store(enter(std::move(d), Phase::preparing, now(), "lemmy", text));
}

Task<bool> Worker::watch(Deploy d, Step* step) {
  kube::Cluster* cluster = this->cluster();
  if (!cluster || !cluster->is_live()) {
    std::string note = "waiting for the cluster: ";
    note +=
        cluster && cluster->trouble() ? cluster->trouble()->str() : std::string("its picture is being read");
    step->sooner(seconds{5});
    if (note == d.note) co_return false;
    d.note = std::move(note);
    co_return co_await store({std::move(d), {}});
  }
  const kube::Owner owner{target_, d.number};
  Seen seen;
  seen.rc = cluster->rc(owner);
  seen.verdict = judge(cluster->pods(owner), seen.rc);
  if (!seen.rc) {
    // What was just applied may not have reached the watch yet.
    if (now() - d.phase_at < seconds{5}) {
      step->sooner(milliseconds{250});
      co_return false;
    }
    auto there = co_await is_there(cluster, d);
    if (!there || *there) {
      step->sooner(seconds{2});
      co_return false;
    }
  }
  auto move = advance(d, seen, rules(), now(), !c_.queued(target_).empty());
  if (!move) {
    step->sooner(until_next(d, rules(), now()));
    co_return false;
  }
  if (is_finished(move->deploy.phase) && move->deploy.cause) {
    // As they were judged: a pod that restarts looks otherwise a moment later.
    json::object pods = pods_now(cluster->pods(owner), move->deploy.cause->pod);
    Cause cause = co_await explain(cluster, d, *move->deploy.cause);
    move->deploy.cause = std::move(cause);
    co_await keep_failure(cluster, move->deploy, std::move(pods));
  }
  co_return co_await store(std::move(*move));
}

// The words of the container itself, and what Kubernetes said about the pod.
Task<Cause> Worker::explain(kube::Cluster* cluster, Deploy d, Cause cause) {
  // The verdict is often sooner than the event that explains it.
  auto warned = [&] {
    auto all = cluster->events_about(cause.pod, target_.environment);
    return std::any_of(all.begin(), all.end(), [](const EventGroup& e) { return e.type == "Warning"; });
  };
  for (int i = 0; i < 8 && !cause.pod.empty() && !warned(); ++i) co_await sleep_for(milliseconds{250});
  cause.events = cluster->events_about(d.object_name, target_.environment);
  if (!cause.pod.empty()) {
    auto of_pod = cluster->events_about(cause.pod, target_.environment);
    cause.events.insert(cause.events.end(), of_pod.begin(), of_pod.end());
  }
  std::erase_if(cause.events, [](const EventGroup& e) { return e.type != "Warning"; });
  std::sort(cause.events.begin(), cause.events.end(),
            [](const EventGroup& a, const EventGroup& b) { return a.last > b.last; });
  if (cause.events.size() > 20) cause.events.resize(20);
  if (cause.pod.empty() || cause.container.empty()) co_return cause;
  for (bool previous : {false, true}) {
    auto text = co_await with_deadline(
        cluster->client().log(target_.environment, cause.pod, cause.container, previous, 25), seconds{5},
        "log");
    if (!text) continue;  // there is none, or its node is gone
    (previous ? cause.previous_log_tail : cause.log_tail) = shorten(*text, 8192);
  }
  co_return cause;
}

Task<bool> Worker::fail_deploy(Deploy d, Error e) {
  Cause cause;
  cause.summary = (e.where.empty() ? "" : e.where + ": ") + e.what;
  cause.reason = std::string(lemmy::name(e.code));
  cause.message = e.detail;
  cause.hint = e.hint;
  std::string text = cause.summary;
  d.cause = std::move(cause);
  kube::Cluster* cluster = this->cluster();
  const bool on_pods = cluster && d.deployer == Deployer::kubernetes;
  json::object pods =
      pods_now(on_pods ? cluster->pods({target_, d.number}) : std::vector<const kube::Pod*>{}, "");
  co_await keep_failure(cluster, d, std::move(pods));
  co_return co_await store(enter(std::move(d), Phase::failed, now(), "lemmy", std::move(text)));
}

Task<bool> Worker::trouble(Deploy d, Error e, Step* step) {
  const bool may_pass = e.code == ErrorCode::unavailable || e.code == ErrorCode::timeout ||
                        e.code == ErrorCode::conflict || e.code == ErrorCode::unauthorized;
  const bool late = now() - d.phase_at > rules().deadline;
  if (!may_pass || late) {
    // Half of it may be there: what was applied is taken away again.
    if (d.phase == Phase::applying && d.deployer == Deployer::kubernetes) {
      d.presence = Presence::running;
      d.wanted = Wanted::deleted;
    }
    co_return co_await fail_deploy(std::move(d), std::move(e));
  }
  retry_later(d.number, step);
  std::string note = "trying again: " + e.str();
  if (note == d.note) co_return false;
  d.note = std::move(note);
  (void)co_await store({std::move(d), {}});
  co_return false;  // not at once: the note is written, now wait
}

}  // namespace lemmy::deploy
