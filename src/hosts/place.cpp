#include "hosts/place.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/printable.h"
#include "base/strings.h"
#include "deploy/crash_point.h"
#include "domain/names.h"
#include "hosts/run_document.h"

namespace lemmy::hosts {

using deploy::of_place;
using deploy::of_store;

namespace {

constexpr size_t kNamed = 3;  // hosts named in a sentence
constexpr size_t kTryOutLog = 1u << 20;
constexpr milliseconds kTryOut{15 * 60'000};
constexpr milliseconds kFirstKeep{500}, kLastKeep{15'000};

Cause cause_of(const ansible::Failure& f) {
  Cause c;
  c.reason = f.unreachable ? "Unreachable" : "TaskFailed";
  c.pod = f.host;
  c.summary = f.unreachable ? fmt::format("host {} cannot be reached", f.host)
                            : fmt::format("host {}: task '{}' failed", f.host, f.task);
  c.message = f.message;
  c.hint = f.unreachable ? "is it up, and does it let Lemmy's key in? Try: ansible -i inventory -m ping " +
                               shell_word(f.host) + " in the Ansible folder"
           : f.file_line.empty() ? ""
                                 : "look at " + f.file_line;
  // What is known of these words says more.
  if (const std::string known = ansible::hint_for(f.message + "\n" + f.output); !known.empty())
    c.hint = f.file_line.empty() || f.unreachable ? known : known + "; " + c.hint;
  c.log_tail = f.output;
  return c;
}

std::string named(const std::vector<std::string>& hosts) {
  std::vector<std::string> few(hosts.begin(), hosts.begin() + std::min(hosts.size(), kNamed));
  return fmt::format(" ({}{})", join(few, ", "), hosts.size() > kNamed ? ", ..." : "");
}

std::string counted(const ansible::Progress& p) {
  std::map<ansible::HostState, std::vector<std::string>> by_state;
  std::vector<std::string> cut;  // nothing failed there, and not all was done
  for (const auto& [name, host] : p.hosts()) {
    if (!host.meant && host.state < ansible::HostState::failed) continue;
    const bool begun = host.state != ansible::HostState::waiting;
    const bool off = begun && host.state < ansible::HostState::failed && !host.complete;
    (off ? cut : by_state[host.state]).push_back(name);
  }
  std::vector<std::string> parts;
  for (const auto& [state, names] : by_state) {
    const bool waiting = state == ansible::HostState::waiting;
    std::string part = fmt::format("{} {}", names.size(), waiting ? "not reached" : ansible::name(state));
    if (waiting || state >= ansible::HostState::failed) part += named(names);
    parts.push_back(std::move(part));
  }
  if (!cut.empty()) parts.push_back(fmt::format("{} not finished{}", cut.size(), named(cut)));
  return join(parts, ", ");
}

int complete_of(const ansible::Progress& p) {
  return static_cast<int>(
      std::ranges::count_if(p.hosts(), [](const auto& h) { return h.second.meant && h.second.complete; }));
}

class Shown : public deploy::Report {
 public:
  explicit Shown(std::shared_ptr<const ansible::Progress> p) : progress_(std::move(p)) {}
  json::object to_json() const override { return ansible::to_json(*progress_); }
  int ready() const override { return complete_of(*progress_); }

 private:
  std::shared_ptr<const ansible::Progress> progress_;
};

constexpr std::string_view kRepeated =
    "the run was repeated, as a server ended in the middle of it: the log is of the last one";
constexpr std::string_view kKilled =
    "ansible-playbook ended before its recap: it was killed, or the machine has no memory left";

}  // namespace

std::string why_ended(const ansible::Plan& plan, const ansible::Outcome& outcome,
                      const ansible::Progress& p) {
  std::string text = outcome.silent ? fmt::format("the run was ended: no word of Ansible for {} (deadline)",
                                                  format_duration(plan.silence))
                                    : fmt::format("the run was ended: over {} in all (timeout)",
                                                  format_duration(plan.limit));
  if (!p.task().empty()) text += fmt::format(", in task '{}'", p.task());
  return text;
}

Error no_ansible() {
  return {ErrorCode::not_found, "ansible", "Ansible is not installed here",
          "install ansible-core and ansible-runner, or start with --ansible FOLDER of their bin"};
}

deploy::Sight Place::look(const Deploy& d) const {
  deploy::Sight s;
  s.wanted = s.pods = d.replicas;
  s.ready = d.running;
  return s;
}

std::shared_ptr<const deploy::Report> Place::report(const Deploy& d) const {
  auto it = progress_.find({d.target, d.number});
  return it == progress_.end() ? nullptr : std::make_shared<Shown>(it->second);
}

Task<Result<std::string>> Place::log(Deploy d) const {
  if (!around_.runs) co_return fail(no_ansible());
  co_return co_await around_.runs->log(run_id(d), kRunLog);
}

Task<Result<deploy::Left>> Place::scale(Deploy d, int) {
  co_return fail(ErrorCode::invalid, d.target.str(), "hosts are not scaled");
}

Task<Result<>> Place::remove(Deploy d) {
  co_return fail(ErrorCode::invalid, d.target.str(),
                 "what is on hosts stays until another deploy replaces it");
}

json::object Place::roles(const Deploy&, const std::string&) const {
  return {{"pods", 0}, {"ready", 0}, {"roles", json::array{}}, {"roles_left_out", 0}};
}

// A run that ended is not repeated because the store was away: it is tried until the store takes what came of
// it.
Task<Result<>> Place::keep_run(Deploy d, std::string run, std::string hosts, std::optional<std::string> log) {
  for (milliseconds wait = kFirstKeep;; wait = std::min(wait * 2, kLastKeep)) {
    auto kept = co_await around_.store->put_document(d.target, d.number, "hosts", hosts);
    if (kept && log) kept = co_await around_.store->put_document(d.target, d.number, "log", *log);
    if (kept || kept.error().code == ErrorCode::too_large) co_return kept;
    log::warning("what a run did is not kept yet", {{"run", run}, {"what", kept.error().str()}});
    co_await sleep_for(wait);
  }
}

Task<Result<deploy::Applied>> Place::apply(Deploy d) {
  using How = deploy::Applied::How;
  if (!around_.runs) co_return fail(no_ansible());
  auto made = co_await plan_for(around_, d);
  if (!made) co_return fail(made.error());
  auto progress = std::make_shared<ansible::Progress>();
  auto meant = co_await around_.store->document(d.target, d.number, "hosts");
  if (!meant && meant.error().code != ErrorCode::not_found) co_return of_store(meant.error());
  const RunOnHosts before = meant ? read_run_document(*meant) : RunOnHosts{};
  if (meant) progress->expect(before.meant);
  const std::pair key{d.target, d.number};
  progress_[key] = progress;
  struct Ended {  // also when the server has to stop in the middle
    std::function<void()> forget;
    ~Ended() { forget(); }
  };
  const Ended ended{[this, key, id = made->id] {
    progress_.erase(key);
    cancelled_.erase(id);
  }};
  auto changed = [this, id = made->id, target = d.target] {
    if (cancelled_.contains(id)) around_.runs->cancel(id);  // a cancel that came before the run had begun
    around_.changed(target);
  };
  // Calls of hosts from before it are answered by it, and it may have touched hosts though this server dies.
  const Time began_at = now();
  auto begun = co_await around_.store->put_document(d.target, d.number, "hosts",
                                                    run_document(*progress, began_at, {}));
  if (!begun) co_return of_store(begun.error());
  auto outcome = co_await around_.runs->run(*made, progress, changed);
  auto log = co_await around_.runs->log(made->id, kRunLog);
  std::string hosts = run_document(*progress, began_at, now());
  auto kept = co_await keep_run(d, made->id, std::move(hosts), log ? std::optional(*log) : std::nullopt);
  if (!kept) co_return of_store(kept.error());
  if (log) co_await around_.runs->forget(made->id);
  deploy::crash_point();
  if (!outcome) co_return of_place(outcome.error());
  if (outcome->cancelled && cancelled_.contains(made->id))
    co_return deploy::Applied{How::cancelled, std::move(d), ""};

  in_places(d, [&](DeployPlace& p) { p.running = complete_of(*progress); });
  if (outcome->exit_code == 0 && outcome->finished && !progress->first_failure()) {
    std::string text = "live: " + counted(*progress);
    std::vector<std::string> warnings;
    if (before.began_at && !before.over) warnings.emplace_back(kRepeated);
    co_return deploy::Applied{How::live, std::move(d), std::move(text), std::move(warnings)};
  }
  Cause cause;
  if (progress->first_failure())
    cause = cause_of(*progress->first_failure());
  else
    cause.summary = outcome->timed_out      ? why_ended(*made, *outcome, *progress)
                    : !outcome->finished    ? std::string(kKilled)
                    : !progress->in_error() ? fmt::format("Ansible ended with {}", outcome->exit_code)
                                            : progress->trouble();
  if (outcome->timed_out && cause.hint.empty())
    cause.hint = "deadline and timeout are set in project.yaml; what the task started may go on on the hosts";
  if (cause.hint.empty()) cause.hint = "the run's log says more";
  std::string text = cause.summary + "; hosts: " + counted(*progress);
  if (before.began_at && !before.over) text += fmt::format("; {}", kRepeated);
  in_places(d, [&](DeployPlace& p) { p.cause = cause; });
  co_return deploy::Applied{How::failed, std::move(d), std::move(text)};
}

void Place::cancel(const Deploy& d) {
  const std::string id = run_id(d);
  if (auto it = asking_.find({d.target, d.number}); it != asking_.end()) {
    it->second->cancelled = true;
    it->second->news.notify();
  }
  if (!progress_.contains({d.target, d.number})) return;
  cancelled_.insert(id);
  cut(id);
}

Task<Result<int>> Place::still_has(Deploy serving, std::vector<Deploy> later) {
  std::vector<RunOnHosts> runs;
  later.insert(later.begin(), serving);
  for (const Deploy& d : later) {
    auto text = co_await around_.store->document(d.target, d.number, "hosts");
    if (!text && text.error().code != ErrorCode::not_found) co_return of_store(text.error());
    runs.push_back(text ? read_run_document(*text) : RunOnHosts{});
  }
  const RunOnHosts first = std::move(runs.front());
  if (first.touched.empty()) co_return serving.running;  // of an earlier release, or it is gone
  runs.erase(runs.begin());
  std::vector<Instance> instances;
  store::Page page{1000, ""};
  do {
    auto list = co_await around_.store->instances(serving.target.project, serving.target.environment, page);
    if (!list) co_return of_store(list.error());
    for (Instance& i : list->items)
      if (!i.result.host.empty()) instances.push_back(std::move(i));
    page.after = list->next;
  } while (!page.after.empty());
  co_return still_there(first, serving.number, runs, instances);
}

void Place::cut(const std::string& run) {
  if (around_.runs) around_.runs->cancel(run);
}

Task<Result<>> Place::try_out(std::shared_ptr<deploy::TryOut> run) {
  const Target target = run->deploy.target;
  if (!around_.runs) co_return fail(no_ansible());
  auto progress = std::make_shared<ansible::Progress>();
  progress->keep_diffs();
  run->report = std::make_shared<Shown>(progress);
  auto plan = co_await plan_for(around_, run->deploy);
  if (!plan) co_return fail(plan.error());
  plan->id = deploy::dry_run_id(target);
  plan->check = true;
  plan->limit = kTryOut;
  if (run->cancel_asked) co_return Result<>{};
  auto changed = around_.changed;
  auto outcome = co_await around_.runs->run(*plan, progress, [target, changed] { changed(target); });
  auto log = co_await around_.runs->log(plan->id, kTryOutLog);
  if (log) run->log = std::move(*log);
  co_await around_.runs->forget(plan->id);
  if (run->cancel_asked) co_return Result<>{};
  if (!outcome) co_return fail(outcome.error());
  if (const auto& f = progress->first_failure()) {
    Error e = ansible::to_error(*f);
    co_return fail(std::move(e));
  }
  if (outcome->timed_out)
    co_return fail(ErrorCode::timeout, "", "the run took too long and was ended",
                   "a dry run has at most " + format_duration(std::chrono::floor<seconds>(kTryOut)));
  if (outcome->exit_code == 0 && outcome->finished) co_return Result<>{};
  if (!outcome->finished) co_return fail(ErrorCode::unavailable, "", std::string(kKilled), "try it again");
  const std::string& said = progress->trouble();
  co_return fail(ErrorCode::rejected, "",
                 said.empty() ? fmt::format("Ansible ended with {}", outcome->exit_code) : said,
                 "the run's log says more");
}

void Place::cancel_try_out(const Target& target) { cut(deploy::dry_run_id(target)); }

Task<Result<std::string>> Place::try_out_log(Target target) const {
  if (!around_.runs) co_return fail(no_ansible());
  co_return co_await around_.runs->log(deploy::dry_run_id(target), kTryOutLog);
}

Task<> Place::forget_try_out(Target target) {
  if (around_.runs) co_await around_.runs->forget(deploy::dry_run_id(target));
}

}  // namespace lemmy::hosts
