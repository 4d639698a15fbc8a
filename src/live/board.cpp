#include "live/board.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "domain/addresses.h"
#include "domain/names.h"
#include "live/view.h"
#include "pods/place.h"
#include "pods/verdict.h"

namespace lemmy::live {
namespace {

json::array texts(const std::vector<std::string>& list) {
  json::array out;
  for (const std::string& s : list) out.emplace_back(s);
  return out;
}

}  // namespace

// Where it is, is for the log only.
json::object store_json(const std::optional<StoreTrouble>& trouble) {
  std::string text;
  if (trouble) text = trouble->error.what + (trouble->error.hint.empty() ? "" : "; " + trouble->error.hint);
  return {{"ok", !trouble},
          {"trouble", text},
          {"since", trouble ? format_time(trouble->since) : ""},
          {"as_of", ""}};
}

bool Board::store_ok() const { return !from_.store_trouble || !from_.store_trouble(); }

json::object Board::frame() const {
  auto config = from_.config();
  json::array problems;
  for (const Error& e : from_.problems()) problems.push_back(error_json(e));
  json::array clusters;
  for (const ClusterState& c : from_.clusters()) {
    std::string trouble = c.error;
    if (c.cluster)
      if (auto t = c.cluster->trouble()) trouble = t->str();
    clusters.push_back({{"name", c.name},
                        {"ok", trouble.empty()},
                        {"trouble", trouble},
                        {"relists", c.cluster ? c.cluster->relists() : 0},
                        {"pods", c.cluster ? c.cluster->pod_count() : 0}});
  }
  const auto trouble = from_.store_trouble ? from_.store_trouble() : std::nullopt;
  return {{"version", LEMMY_VERSION},        {"simulated", from_.simulated},
          {"revision", config->revision},    {"problems", std::move(problems)},
          {"clusters", std::move(clusters)}, {"strays", strays()},
          {"store", store_json(trouble)}};
}

json::object Board::deploy_json(const Deploy& d) const {
  json::object o = to_json(d);
  // Whole in "cause" of the deploy, which is long enough.
  for (json::value& p : o["places"].as_array())
    if (json::value& cause = p.as_object()["cause"]; cause.is_object())
      cause = json::value(cause.as_object()["summary"]);
  add_shown(o, d);
  o["release_url"] = d.release.empty() ? "" : release_url(d.target.project, d.release);
  o["finished"] = is_finished(d.phase);
  const Deploy* serving = from_.conductor->current(d.target);
  o["serving"] = serving && serving->number == d.number;
  json::array actions;
  for (deploy::Action a : from_.conductor->possible(d)) actions.emplace_back(deploy::name(a));
  o["actions"] = std::move(actions);
  return o;
}

json::object Board::deploy_line(const Deploy& d) const {
  json::object o{{"number", d.number},
                 {"build", d.sha},
                 {"branch", d.branch},
                 {"phase", lemmy::name(d.phase)},
                 {"created_at", format_time(d.created_at)}};
  add_shown(o, d);
  return o;
}

void Board::add_shown(json::object& o, const Deploy& d) const {
  o["title"] = title(d.phase);
  o["short_sha"] = short_sha(d.sha);
  o["age"] = age(d.created_at);
  o["url"] = deploy_address(d.target, d.number);
  int ready = 0, wanted = 0;
  kube::Cluster* cluster = cluster_of(d);
  if (d.deployer == Deployer::ansible) {
    ready = d.running;
    wanted = d.replicas;
    if (auto run = from_.conductor->report(d)) ready = run->ready();
  } else if (cluster) {
    const kube::Owner owner{d.target, d.number};
    ready = pods::judge(pods::pods_of(*cluster, owner), nullptr).ready;
    if (const auto* rc = cluster->rc(owner)) wanted = rc->wanted;
  }
  o["ready"] = ready;
  o["wanted_pods"] = wanted;
}

json::object Board::build_json(const Build& b) const {
  json::object o = to_json(b);
  o["short_sha"] = short_sha(b.sha);
  o["age"] = age(b.pushed_at);
  return o;
}

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
  if (!cluster || !cluster->is_live()) return {"unknown", "the cluster cannot be seen now"};
  const kube::Owner owner{d.target, d.number};
  const auto* rc = cluster->rc(owner);
  const pods::Verdict v = pods::judge(pods::pods_of(*cluster, owner), rc);
  const int wanted = rc ? rc->wanted : v.pods;
  // What an autoscaler asks for beyond its minimum is growth, which takes its time.
  const kube::Autoscaler* hpa = cluster->autoscaler(owner);
  const int needed = hpa ? std::clamp(hpa->min, 1, std::max(1, wanted)) : wanted;
  const bool ok = wanted > 0 && v.ready >= needed && (v.ready >= wanted || !v.cause);
  Health out{ok ? "ok" : "bad", fmt::format("{} of {} pods ready", v.ready, wanted)};
  if (!ok && v.cause) out.text += ": " + v.cause->summary;
  if (ok && answers.is_object() && answers.get_object().at("deploys").get_array().empty())
    return {"bad", out.text + ", and nobody answers requests: look at the Service and who it selects"};
  return out;
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

  const json::value answers =
      lines || !latest ? json::value(nullptr) : answers_json(cluster, target, current);
  auto [health, text] = current  ? health_of_serving(*current, answers)
                        : latest ? Health{"zeroed", "nothing runs"}
                                 : Health{"none", configured ? "never deployed" : ""};
  if (latest && latest->phase == Phase::failed) {
    health = "bad";
    text = fmt::format("#{} failed{}", latest->number,
                       latest->cause ? ": " + latest->cause->summary : std::string());
    const bool reached = latest->deployer == Deployer::ansible && !latest->object_name.empty();
    if (current)
      text += reached ? fmt::format("; hosts that it did not reach run #{}", current->number)
                      : fmt::format("; #{} still serves", current->number);
  }
  if (active || !queued.empty()) {
    const Deploy& d = active ? *active : *queued.front();
    health = "busy";
    text = fmt::format("#{} {}", d.number, d.note.empty() ? std::string(title(d.phase)) : d.note);
  }
  auto config = from_.config();
  const config::Project* p = config->project(project);
  const config::ProjectEnvironment* e = p ? p->environment(environment) : nullptr;
  const std::string_view deployer = lemmy::name(e ? e->deployer : Deployer::kubernetes);
  auto shown = [&](const Deploy& d) { return lines ? deploy_line(d) : deploy_json(d); };
  json::array waiting;
  for (const Deploy* d : queued) waiting.push_back(shown(*d));
  auto maybe = [&](const Deploy* d) { return d ? json::value(shown(*d)) : json::value(nullptr); };
  return {{"environment", environment},
          {"configured", configured},
          {"health", health},
          {"health_text", text},
          {"answers", std::move(answers)},
          {"current", maybe(current)},
          {"active", maybe(active)},
          {"latest", maybe(lines && latest == current ? nullptr : latest)},
          {"deployer", deployer},
          {"queued", std::move(waiting)}};
}

json::object Board::project_json(const std::string& name, const config::Config& config, bool lines) const {
  const config::Project* p = config.project(name);
  json::array targets;
  for (const config::Environment& e : config.environments)
    targets.push_back(target_json(name, e.name, p && p->environment(e.name), lines));
  return {{"name", name},
          {"description", p ? p->description : ""},
          {"deployer", lemmy::name(p ? p->deployer : Deployer::kubernetes)},
          {"owners", p ? texts(p->owners) : json::array{}},
          {"links", links_json(p)},
          {"known", p != nullptr},
          {"targets", std::move(targets)}};
}

namespace {
json::array environments_json(const config::Config& config) {
  json::array out;
  for (const config::Environment& e : config.environments)
    out.push_back({{"name", e.name}, {"cluster", e.cluster}, {"protected", e.is_protected}});
  return out;
}
}  // namespace

json::object Board::overview(const Wanted& wanted) const {
  auto config = from_.config();
  std::vector<std::string> names;
  std::ranges::set_union(config->projects | std::views::keys, from_.conductor->projects(),
                         std::back_inserter(names));
  std::erase_if(names, [&](const std::string& name) {
    return (wanted.may && !wanted.may(name)) || !name.contains(wanted.search);
  });
  json::array projects;
  auto name = std::ranges::upper_bound(names, wanted.after);
  for (; name != names.end() && projects.size() < wanted.limit; ++name)
    projects.push_back(project_json(*name, *config, wanted.lines));
  const std::string next = projects.empty() || name == names.end() ? "" : *std::prev(name);
  return {{"environments", environments_json(*config)},
          {"projects", std::move(projects)},
          {"total", names.size()},
          {"next", next}};
}

Task<Result<json::object>> Board::project(std::string name, store::Page page) const {
  auto listing = co_await from_.store->builds(name, page);
  if (!listing) co_return fail(listing.error());
  auto config = from_.config();
  if (!config->project(name) && listing->items.empty() && page.after.empty())
    co_return fail(ErrorCode::not_found, "project", fmt::format("there is no project '{}'", name),
                   "add projects/" + name + " to the configuration, or announce a build of it");
  // Where each build is or was last deployed, from each target's newest deploys.
  std::vector<Task<Result<store::Listing<Deploy>>>> reads;
  for (const config::Environment& e : config->environments)
    reads.push_back(from_.store->deploys({name, e.name}, {100, ""}));
  auto newest = co_await all(std::move(reads));
  std::map<std::string, json::object> where;
  for (size_t i = 0; i < newest.size(); ++i) {
    const config::Environment& e = config->environments[i];
    const Target target{name, e.name};
    if (!newest[i]) co_return fail(newest[i].error());
    const Deploy* serving = from_.conductor->current(target);
    for (const Deploy& d : newest[i]->items) {
      json::object& of_build = where[d.sha];
      if (of_build.contains(e.name)) continue;  // a newer deploy of it was seen
      of_build[e.name] = json::object{{"number", d.number},
                                      {"phase", lemmy::name(d.phase)},
                                      {"title", title(d.phase)},
                                      {"presence", lemmy::name(d.presence)},
                                      {"serving", serving && serving->number == d.number},
                                      {"url", deploy_address(target, d.number)}};
    }
  }
  json::array builds;
  for (const Build& b : listing->items) {
    json::object o = build_json(b);
    o["targets"] = where[b.sha];
    builds.push_back(std::move(o));
  }
  json::object out;
  out["project"] = project_json(name, *config, false);
  out["environments"] = environments_json(*config);
  out["builds"] = std::move(builds);
  out["next"] = listing->next;
  co_return out;
}

Task<Result<json::object>> Board::deploys(Target target, store::Page page) const {
  auto listing = co_await from_.store->deploys(target, page);
  if (!listing) co_return fail(listing.error());
  json::array list;
  for (const Deploy& d : listing->items) list.push_back(deploy_json(d));
  json::object out;
  out["deploys"] = std::move(list);
  out["next"] = listing->next;
  co_return out;
}

}  // namespace lemmy::live
