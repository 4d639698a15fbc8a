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
    if (c.cluster) {
      if (auto t = c.cluster->trouble())
        trouble = t->str();
      else if (!c.cluster->synced())
        trouble = "its picture is being read";
    } else if (trouble.empty()) {
      trouble = "its kubeconfig is being read";
    }
    clusters.push_back(
        {{"name", c.name},
         {"ok", trouble.empty()},
         {"any_seen", c.cluster && c.cluster->any_seen()},
         {"unseen", texts(c.cluster ? c.cluster->unseen() : std::vector<std::string>())},
         {"trouble", trouble},
         {"missing_rights", texts(c.cluster ? c.cluster->missing_rights() : std::vector<std::string>())},
         {"relists", c.cluster ? c.cluster->relists() : 0},
         {"pods", c.cluster ? c.cluster->pod_count() : 0}});
  }
  const auto trouble = from_.store_trouble ? from_.store_trouble() : std::nullopt;
  return {{"version", LEMMY_VERSION},
          {"simulated", from_.simulated},
          {"revision", config->revision},
          {"problems", std::move(problems)},
          {"clusters", std::move(clusters)},
          {"strays", strays()},
          {"left", left()},
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
  const auto possible = from_.conductor->possible(d);
  o["recovered"] = std::ranges::find(possible, deploy::Action::accept) != possible.end();
  json::array actions;
  for (deploy::Action a : possible) actions.emplace_back(deploy::name(a));
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
    const auto* controller = cluster->controller(owner);
    // Pods whose controller is gone: as many as it was asked to have.
    wanted = controller                                     ? controller->wanted
             : d.presence == Presence::running && ready > 0 ? std::max(ready, d.replicas)
                                                            : ready;
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

json::object Board::project_json(const std::string& name, const config::Config& config, bool lines) const {
  const config::Project* p = config.project(name);
  json::array targets;
  for (const Shown& e : environments())
    targets.push_back(target_json(name, e.name, p && p->environment(e.name), lines));
  return {{"name", name},
          {"description", p ? p->description : ""},
          {"deployer", lemmy::name(p ? p->deployer : Deployer::kubernetes)},
          {"owners", p ? texts(p->owners) : json::array{}},
          {"links", links_json(p)},
          {"known", p != nullptr},
          {"targets", std::move(targets)}};
}

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
  return {{"environments", environments_json()},
          {"projects", std::move(projects)},
          {"total", names.size()},
          {"next", next}};
}

Task<Result<json::object>> Board::project(std::string name, store::Page page) const {
  auto listing = co_await from_.store->builds(name, page);
  if (!listing) co_return fail(listing.error());
  auto config = from_.config();
  if (!config->project(name) && listing->items.empty() && page.after.empty())
    co_return fail(from_.conductor->check_configured({name, ""}).error());
  // Where each build is or was last deployed, from each target's newest deploys.
  std::vector<Task<Result<store::Listing<Deploy>>>> reads;
  const std::vector<Shown> all_of_them = environments();
  for (const Shown& e : all_of_them) reads.push_back(from_.store->deploys({name, e.name}, {100, ""}));
  auto newest = co_await all(std::move(reads));
  std::map<std::string, json::object> where;
  for (size_t i = 0; i < newest.size(); ++i) {
    const Shown& e = all_of_them[i];
    const Target target{name, e.name};
    if (!newest[i]) co_return fail(newest[i].error());
    const Deploy* serving = from_.conductor->current(target);
    for (const Deploy& d : newest[i]->items) {
      json::object& of_build = where[d.sha];
      const bool serves = serving && serving->number == d.number;
      if (of_build.contains(e.name) && !serves) continue;  // a newer deploy of it was seen
      of_build[e.name] = json::object{{"number", d.number},      {"phase", lemmy::name(d.phase)},
                                      {"title", title(d.phase)}, {"presence", lemmy::name(d.presence)},
                                      {"serving", serves},       {"url", deploy_address(target, d.number)}};
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
  out["environments"] = environments_json();
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
