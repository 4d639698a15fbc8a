#include <fmt/format.h>

#include <filesystem>

#include "base/strings.h"
#include "deploy/failure.h"
#include "deploy/worker.h"
#include "domain/names.h"

namespace lemmy::deploy {
namespace {

constexpr size_t kNamed = 3;  // hosts named in a sentence
// So long a deploy waits for the run on instances that booted; then that is cut, and repeated after the
// deploy.
constexpr seconds kPatience{60};

Cause cause_of(const ansible::Failure& f) {
  Cause c;
  c.reason = f.unreachable ? "Unreachable" : "TaskFailed";
  c.pod = f.host;
  c.summary = f.unreachable ? fmt::format("host {} cannot be reached", f.host)
                            : fmt::format("host {}: task '{}' failed", f.host, f.task);
  c.message = f.message;
  c.hint = f.unreachable         ? "is it up, and does it let Lemmy's key in? Try: ansible -m ping " + f.host
           : f.file_line.empty() ? ""
                                 : "look at " + f.file_line;
  c.log_tail = f.output;
  return c;
}

std::string counted(const ansible::Progress& p) {
  std::map<ansible::HostState, std::vector<std::string>> by_state;
  for (const auto& [name, host] : p.hosts()) by_state[host.state].push_back(name);
  std::vector<std::string> parts;
  for (const auto& [state, names] : by_state) {
    std::string part = fmt::format("{} {}", names.size(), ansible::name(state));
    if (state >= ansible::HostState::failed) {
      std::vector<std::string> few(names.begin(), names.begin() + std::min(names.size(), kNamed));
      part += fmt::format(" ({}{})", join(few, ", "), names.size() > kNamed ? ", ..." : "");
    }
    parts.push_back(std::move(part));
  }
  return join(parts, ", ");
}

}  // namespace

std::string run_id(const Deploy& d) {
  // Names may have '-' but no '.': a-b in c is not a in b-c.
  return fmt::format("{}.{}.{}", d.target.project, d.target.environment, d.number);
}

Task<Result<std::string>> Conductor::run_log(Deploy d) const {
  if (!around_.runs) co_return fail(ErrorCode::not_found, "ansible", "Ansible is not installed here");
  co_return co_await around_.runs->log(run_id(d), kRunLog);
}

// A roll back uses what its earlier deploy was configured with.
static Task<Result<json::value>> environment_of(Surroundings around, Deploy d) {
  if (d.rollback_of || d.phase != Phase::preparing) {
    const int64_t of = d.phase != Phase::preparing ? d.number : *d.rollback_of;
    auto text = co_await around.store->document(d.target, of, "environment");
    if (!text) co_return fail(text.error());
    co_return parse_json(*text, "stored environment");
  }
  auto config = around.config();
  const config::Project* p = config->project(d.target.project);
  const config::ProjectEnvironment* e = p ? p->environment(d.target.environment) : nullptr;
  if (!e)
    co_return fail(ErrorCode::not_found, d.target.str(), "the environment has left the configuration",
                   "put it back into environments.json");
  co_return json::value(e->values);
}

Task<Result<ansible::Plan>> plan_for_hosts(Surroundings around, Deploy d) {
  auto environment = co_await environment_of(around, d);
  if (!environment) co_return fail(environment.error());
  auto build = co_await around.store->build(d.target.project, d.sha);
  if (!build) co_return fail(build.error());
  auto config = around.config();
  const config::Project* p = config->project(d.target.project);
  if (!p) co_return fail(project_left(d.target.project));
  ansible::Plan plan;
  plan.id = run_id(d);
  plan.ansible_dir = std::filesystem::absolute(config->ansible_dir()).string();
  plan.playbook = p->playbook;
  plan.hosts = config::hosts_pattern(*p, d.target.environment);
  json::object of_build = to_json(*build);
  of_build["short_sha"] = short_sha(build->sha);
  json::object lemmy;
  lemmy["project"] = d.target.project;
  lemmy["environment"] = d.target.environment;
  lemmy["build"] = std::move(of_build);
  lemmy["deploy"] = d.number;
  lemmy["config"] = std::move(*environment);
  plan.variables["lemmy"] = std::move(lemmy);
  co_return plan;
}

Task<bool> Worker::prepare_hosts(Deploy d, Step* step) {
  if (waits(d.number, step)) co_return false;
  if (!c_.around_.runs)
    co_return co_await fail_deploy(d, {ErrorCode::not_found, "ansible", "Ansible is not installed here",
                                       "install ansible-core and ansible-runner, or start with --ansible"});
  auto made = co_await plan_for_hosts(c_.around_, d);
  if (!made) co_return co_await trouble(d, made.error(), step);
  auto hosts = co_await ansible::matching_hosts(c_.around_.starters(), c_.around_.ansible, *made);
  if (!hosts) co_return co_await trouble(d, hosts.error(), step);
  if (hosts->empty())
    co_return co_await fail_deploy(
        d, {ErrorCode::not_found, made->hosts, "no host of the inventory matches",
            "tag hosts with these groups, or say hosts: in projects/" + target_.project + "/project.yaml"});
  const json::value& environment = made->variables["lemmy"].get_object()["config"];
  Texts texts{{"environment", pretty_json(environment)}, {"final", pretty_json(made->variables)}};
  auto put = co_await put_documents(d, std::move(texts));
  if (!put) co_return co_await trouble(d, put.error(), step);
  crash_point();
  retries_.erase(d.number);
  d.replicas = static_cast<int>(hosts->size());
  d.object_name = made->hosts;
  std::string text = fmt::format("running {} on {} hosts", made->playbook, hosts->size());
  co_return co_await store(enter(std::move(d), Phase::applying, now(), "lemmy", std::move(text)));
}

Task<bool> Worker::run_playbook(Deploy d, Step* step) {
  if (waits(d.number, step)) co_return false;
  if (!c_.around_.runs)
    co_return co_await fail_deploy(d, {ErrorCode::not_found, "ansible", "Ansible is not installed here"});
  if (auto taken = c_.taken_.find(target_); taken != c_.taken_.end()) {
    if (now() - d.phase_at > kPatience) c_.around_.runs->cancel(taken->second);
    step->sooner(seconds{1});
    std::string note = "waiting for another run on its hosts to end";
    if (d.note == note) co_return false;
    d.note = std::move(note);
    co_return co_await store({std::move(d), {}});
  }
  auto made = co_await plan_for_hosts(c_.around_, d);
  if (!made) co_return co_await trouble(d, made.error(), step);
  auto progress = std::make_shared<ansible::Progress>();
  const std::pair key{target_, d.number};
  c_.progress_[key] = progress;
  auto changed = [this, id = made->id, number = d.number] {
    // A cancel that came before the run had begun.
    const Deploy* now = c_.find(target_, number);
    if (now && !now->cancel_requested_by.empty()) c_.around_.runs->cancel(id);
    c_.around_.changed(target_);
  };
  const Time began_at = now();
  auto outcome = co_await c_.around_.runs->run(*made, progress, changed);
  auto log = co_await c_.around_.runs->log(made->id, kRunLog);
  json::object hosts_document = to_json(*progress);
  hosts_document["began_at"] = format_time(began_at);  // calls of hosts from before it are answered by it
  std::string hosts = json::serialize(hosts_document);
  auto kept = co_await c_.around_.store->put_document(target_, d.number, "hosts", hosts);
  if (kept && log) kept = co_await c_.around_.store->put_document(target_, d.number, "log", *log);
  if (!kept) co_return co_await trouble(d, kept.error(), step);
  if (log) co_await c_.around_.runs->forget(made->id);
  crash_point();
  // What happened meanwhile, such as a cancel, is in the newest.
  const Deploy* newest = c_.find(target_, d.number);
  if (newest) d = *newest;
  c_.progress_.erase(key);
  if (!outcome) co_return co_await trouble(d, outcome.error(), step);
  if (outcome->cancelled && !d.cancel_requested_by.empty()) co_return true;

  d.running = 0;
  for (const auto& [name, host] : progress->hosts()) d.running += host.state < ansible::HostState::failed;
  if (outcome->exit_code == 0 && !progress->first_failure()) {
    d.presence = Presence::running;
    std::string text = "live: " + counted(*progress);
    co_return co_await store(enter(std::move(d), Phase::live, now(), "lemmy", std::move(text)));
  }
  Cause cause;
  if (progress->first_failure())
    cause = cause_of(*progress->first_failure());
  else
    cause.summary = outcome->timed_out            ? "the run took too long and was ended"
                    : progress->trouble().empty() ? fmt::format("Ansible ended with {}", outcome->exit_code)
                                                  : progress->trouble();
  if (cause.hint.empty()) cause.hint = "the run's log says more";
  std::string text = cause.summary + "; hosts: " + counted(*progress);
  d.cause = std::move(cause);
  co_await keep_failure(nullptr, d, pods_now({}, ""));
  co_return co_await store(enter(std::move(d), Phase::failed, now(), "lemmy", std::move(text)));
}

// Hosts run one build at a time: the one before is not there any more.
Task<bool> Worker::replaced_on_hosts() {
  const Deploy* current = c_.current(target_);
  if (!current || current->deployer != Deployer::ansible) co_return false;
  const int64_t by = current->number;
  for (const Deploy& d : c_.state(target_).copy()) {
    if (d.number == by || d.deployer != Deployer::ansible || d.presence != Presence::running) continue;
    Deploy next = d;
    next.presence = Presence::none;
    DeployEvent e = event(next, now(), "action", "lemmy", fmt::format("replaced on its hosts by #{}", by));
    Move m{std::move(next), {}};
    m.events.push_back(std::move(e));
    co_return co_await store(std::move(m));
  }
  co_return false;
}

}  // namespace lemmy::deploy
