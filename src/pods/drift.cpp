// What in the cluster is not as a deploy applied it: asked object by object, and compared by
// manifest/drift.h.
#include "manifest/drift.h"

#include "deploy/machine.h"
#include "manifest/compare.h"
#include "pods/place.h"

namespace lemmy::pods {

using deploy::of_place;
using deploy::of_store;

namespace {

constexpr milliseconds kAskLimit{8'000};  // for all objects, which are asked at the same time
constexpr size_t kDriftsShown = 100;

struct Asked {
  json::object manifest;
  manifest::InCluster cluster;
  std::string refused;  // why applying it anew would be
};

// Its error is told by the caller, who names the object.
Task<Result<Asked>> ask_cluster(kube::Client* client, json::object manifest) {
  Asked out;
  auto live = co_await client->get(kube::ref_to(manifest));
  if (!live) co_return fail(live.error());
  out.cluster.live = std::move(*live);
  if (out.cluster.live) {
    auto anew = co_await client->apply(manifest, true);
    const bool refused =
        !anew && (anew.error().code == ErrorCode::rejected || anew.error().code == ErrorCode::conflict ||
                  anew.error().code == ErrorCode::forbidden);
    if (!anew && !refused) co_return fail(anew.error());
    if (refused)
      out.refused = anew.error().what;
    else
      out.cluster.applied_anew = std::move(*anew);
  }
  out.manifest = std::move(manifest);
  co_return out;
}

json::object named(const json::object& manifest) {
  return {{"kind", text_or(manifest, "kind")}, {"name", kube::parse_meta(manifest).name}};
}

bool is_autoscaler(const json::object& manifest) {
  return text_or(manifest, "kind") == "HorizontalPodAutoscaler";
}

}  // namespace

Task<Result<json::object>> Place::drift(Deploy d) {
  auto stored = co_await around_.store->document(d.target, d.number, "manifests");
  if (!stored) co_return of_store(stored.error());
  auto manifests = parse_manifests(*stored);
  if (!manifests) co_return fail(manifests.error());
  // As apply() does it.
  manifest::stamp_again(*manifests,
                        {d.target.project, d.target.environment, d.sha, d.branch, d.number, d.config_map});
  bool autoscaled = false;
  std::vector<json::object> all_of_it;
  for (json::value& v : *manifests) {
    json::object* o = v.if_object();
    if (!o || kube::ref_to(*o).resource.empty() || text_or(*o, "kind") == "Secret") continue;
    autoscaled = autoscaled || is_autoscaler(*o);
    // What gets no requests has no autoscaler: Lemmy took it away.
    if (is_autoscaler(*o) && d.out_by != 0) continue;
    all_of_it.push_back(std::move(*o));
  }
  std::vector<Task<Result<Asked>>> asks;
  for (const json::object& o : all_of_it)
    asks.push_back(with_deadline(ask_cluster(client(), o), kAskLimit, kube::ref_to(o).str()));
  auto answers = co_await all(std::move(asks));

  json::array items, unasked, refused;
  size_t compared = 0, left_out = 0;
  std::optional<Error> error;
  for (size_t i = 0; i < answers.size(); ++i) {
    if (!answers[i]) {
      json::object o = named(all_of_it[i]);
      o["why"] = answers[i].error().str();
      unasked.push_back(std::move(o));
      if (!error) error = answers[i].error();
      continue;
    }
    const Asked& a = *answers[i];
    ++compared;
    if (!a.refused.empty()) {
      json::object o = named(a.manifest);
      o["why"] = a.refused;
      refused.push_back(std::move(o));
    }
    for (const manifest::Drift& found : manifest::drift(a.manifest, a.cluster, autoscaled))
      if (items.size() < kDriftsShown)
        items.push_back(manifest::to_json(found));
      else
        ++left_out;
  }
  if (compared == 0 && error) co_return of_place(std::move(*error));
  json::object out{{"complete", unasked.empty()}, {"compared", compared}};
  out["items"] = std::move(items);
  out["left_out"] = left_out;
  out["unasked"] = std::move(unasked);
  out["refused"] = std::move(refused);
  co_return out;
}

}  // namespace lemmy::pods
