// What runs in one environment of a project, and which environments there are.
#include <fmt/format.h>

#include <algorithm>

#include "domain/addresses.h"
#include "domain/names.h"
#include "live/view.h"
#include "pods/place.h"
#include "pods/verdict.h"

namespace lemmy::live {

constexpr seconds kInUseAge{2};
constexpr size_t kLeftShown = 20;

kube::Cluster* Board::cluster_of(const Deploy& d) const {
  return d.deployer == Deployer::ansible ? nullptr : from_.cluster(d.cluster);
}

kube::Cluster* Board::cluster_of(const Target& target) const {
  auto config = from_.config();
  const config::Environment* e = config->environment(target.environment);
  return from_.cluster(e ? e->cluster : "");
}

Board::Health Board::health_of_serving(const Deploy& d, const json::value& answers) const {
  if (d.deployer == Deployer::ansible)
    return {d.running >= d.replicas ? "ok" : "bad", fmt::format("on {} of {} hosts", d.running, d.replicas)};
  const kube::Cluster* cluster = cluster_of(d);
  if (!cluster || !cluster->is_live(d.target.environment, pods::workload_of(d)))
    return {"unknown", "the cluster cannot be seen now"};
  const kube::Owner owner{d.target, d.number};
  const auto* controller = cluster->controller(owner);
  const pods::Verdict v = pods::judge(pods::pods_of(*cluster, owner), controller);
  const int wanted = controller ? controller->wanted : v.pods > 0 ? std::max(v.pods, d.replicas) : 0;
  // What an autoscaler asks for beyond its minimum is growth, which takes its time.
  const kube::Autoscaler* hpa = cluster->autoscaler(owner);
  const int needed = hpa ? std::clamp(hpa->min, 1, std::max(1, wanted)) : wanted;
  const bool ok = wanted > 0 && v.ready >= needed && (v.ready >= wanted || v.fatal == 0);
  Health out{ok ? "ok" : "bad", fmt::format("{} of {} pods ready", v.ready, wanted)};
  if (!ok && v.cause) out.text += ": " + v.cause->summary;
  if (!controller && v.pods > 0)
    return {"bad", out.text + (pods::workload_of(d) == Workload::deployment
                                   ? ", and only their ReplicaSet is left: their controller is gone"
                                   : ", and nothing replaces them: their controller is gone")};
  if (ok && answers.is_object()) {
    const json::array& who = answers.get_object().at("deploys").get_array();
    if (who.empty())
      return {"bad", out.text + ", and nobody answers requests: look at the Service and who it selects"};
    if (d.out_by != 0) return {"bad", out.text + ", and they get no requests: others answer"};
  }
  return out;
}

// "; #2 still serves; #1 answers too", as far as that is known. `told`: the text says already how it is with
// what serves.
static std::string who_answers(const json::value& answers, const Deploy* serving, bool told,
                               std::string_view serves) {
  std::vector<int64_t> others = answering(answers);
  const bool known = answers.is_object();
  bool too = false;
  std::string out;
  if (serving) {
    too = std::erase(others, serving->number) > 0;
    if (!told)
      out = too || !known ? fmt::format("; #{} {}", serving->number, serves)
                          : fmt::format("; #{}, which serves, gets no requests", serving->number);
  }
  if (others.empty()) return out;
  return out + fmt::format("; {} answer{}{}", numbers_text(others), others.size() == 1 ? "s" : "",
                           too ? " too" : "");
}

json::object Board::target_json(const std::string& project, const std::string& environment, bool configured,
                                bool lines) const {
  const Target target{project, environment};
  const deploy::Conductor& conductor = *from_.conductor;
  const Deploy* current = conductor.current(target);
  const Deploy* active = conductor.active(target);
  const Deploy* latest = conductor.latest(target);
  auto queued = conductor.queued(target);
  const kube::Cluster* cluster = current ? cluster_of(*current) : cluster_of(target);

  const json::value answers = latest ? answers_json(cluster, target, current) : json::value(nullptr);
  bool told = current != nullptr;
  std::string_view serves = "serves";
  auto [health, text] = current  ? health_of_serving(*current, answers)
                        : latest ? Health{"zeroed", "nothing runs"}
                                 : Health{"none", configured ? "never deployed" : ""};
  const bool on_hosts = latest && latest->deployer == Deployer::ansible && !latest->object_name.empty();
  if (on_hosts && latest->phase == Phase::cancelled && (!current || current->running < current->replicas))
    text = current ? fmt::format("{}; #{}, which was cancelled, ran on others", text, latest->number)
                   : fmt::format("#{} was cancelled, and may have begun on hosts", latest->number);
  if (latest && latest->phase == Phase::failed) {
    health = "bad";
    text = fmt::format("#{} failed{}", latest->number,
                       latest->cause ? ": " + latest->cause->summary : std::string());
    if (conductor.has_recovered(*latest))
      text += fmt::format("; all pods of #{0} are ready by now: accept #{0}, or zero it", latest->number);
    if (current && on_hosts)
      text += fmt::format("; #{} is {}", current->number, health_of_serving(*current, answers).text);
    told = on_hosts;
    serves = "still serves";
  }
  auto config = from_.config();
  const config::Project* p = config->project(project);
  const config::ProjectEnvironment* e = p ? p->environment(environment) : nullptr;
  if (!latest && e && e->deployer == Deployer::ansible && p->boot_newest)
    text = "never deployed; hosts that boot get the newest build";
  if (active || !queued.empty()) {
    const Deploy& d = active ? *active : *queued.front();
    health = "busy";
    text = fmt::format("#{} {}", d.number, d.note.empty() ? std::string(title(d.phase)) : d.note);
    told = d.deployer == Deployer::ansible;  // some of its hosts may run the new one
    serves = "serves";
  }
  text += who_answers(answers, current, told, serves);
  const std::string_view deployer = lemmy::name(e ? e->deployer : Deployer::kubernetes);
  auto shown = [&](const Deploy& d) { return lines ? deploy_line(d) : deploy_json(d); };
  json::array waiting;
  for (const Deploy* d : queued) waiting.push_back(shown(*d));
  auto maybe = [&](const Deploy* d) { return d ? json::value(shown(*d)) : json::value(nullptr); };
  return {{"environment", environment},
          {"configured", configured},
          {"health", health},
          {"health_text", text},
          {"answers", lines ? json::value(nullptr) : answers},
          {"drift", from_.drifts ? from_.drifts->count(target) : nullptr},
          {"current", maybe(current)},
          {"active", maybe(active)},
          {"latest", maybe(lines && latest == current ? nullptr : latest)},
          {"deployer", deployer},
          {"queued", std::move(waiting)}};
}

std::vector<Board::Shown> Board::environments() const {
  auto config = from_.config();
  std::vector<Shown> out;
  for (const config::Environment& e : config->environments)
    out.push_back({e.name, e.cluster, e.is_protected});
  std::map<std::string, int> gone;
  for (const auto& [target, of] : left_behind())
    if (!config->environment(target.environment)) gone[target.environment] += of.deploys;
  for (const auto& [name, deploys] : gone) out.push_back({name, "", false, deploys});
  return out;
}

const std::map<Target, deploy::Conductor::InUse>& Board::left_behind() const {
  if (Clock::now() < left_until_) return left_;
  left_ = from_.conductor->in_use();
  std::erase_if(left_, [this](const auto& one) { return from_.conductor->is_configured(one.first); });
  left_until_ = Clock::now() + kInUseAge;
  return left_;
}

json::array Board::left() const {
  json::array out;
  for (const auto& [target, of] : left_behind()) {
    if (out.size() == kLeftShown) break;
    const auto there = from_.conductor->check_target(target);
    if (there) continue;  // it came back meanwhile
    json::object o{{"project", target.project},
                   {"environment", target.environment},
                   {"deploys", of.deploys},
                   {"number", of.newest},
                   {"url", deploy_address(target, of.newest)}};
    o["where"] = target.str();
    o["what"] = fmt::format(
        "{}, and {} there", there.error().what,
        of.deploys == 1 ? "one of its deploys is" : fmt::format("{} of its deploys are", of.deploys));
    o["hint"] = there.error().hint;
    out.push_back(std::move(o));
  }
  return out;
}

json::array Board::environments_json() const {
  json::array out;
  for (const Shown& e : environments())
    out.push_back({{"name", e.name},
                   {"cluster", e.cluster},
                   {"protected", e.is_protected},
                   {"configured", e.left == 0}});
  return out;
}

}  // namespace lemmy::live
