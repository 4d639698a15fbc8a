// What in the cluster is not as a deploy applied it: asked object by object, and compared by
// manifest/drift.h.
#include "manifest/drift.h"

#include "deploy/machine.h"
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

json::object with_why(const json::object& manifest, std::string why) {
  return {{"kind", text_or(manifest, "kind")},
          {"name", kube::parse_meta(manifest).name},
          {"why", std::move(why)}};
}

// For the pool: a ConfigMap may have a mebibyte.
json::object compare_all(const std::vector<Asked>& asked, bool autoscaled) {
  json::array items, refused;
  size_t left_out = 0;
  for (const Asked& a : asked) {
    if (!a.refused.empty()) refused.push_back(with_why(a.manifest, a.refused));
    for (const manifest::Drift& found : manifest::drift(a.manifest, a.cluster, autoscaled))
      if (items.size() < kDriftsShown)
        items.push_back(manifest::to_json(found));
      else
        ++left_out;
  }
  json::object out{{"compared", asked.size()}, {"left_out", left_out}};
  out["items"] = std::move(items);
  out["refused"] = std::move(refused);
  return out;
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

  std::vector<Asked> asked;
  json::array unasked;
  std::optional<Error> error;
  for (size_t i = 0; i < answers.size(); ++i) {
    if (answers[i]) {
      asked.push_back(std::move(*answers[i]));
      continue;
    }
    unasked.push_back(with_why(all_of_it[i], answers[i].error().str()));
    if (!error) error = answers[i].error();
  }
  if (asked.empty() && error) co_return of_place(std::move(*error));
  auto out = co_await around_.pool->run([asked = std::move(asked), autoscaled]() -> Result<json::object> {
    return compare_all(asked, autoscaled);
  });
  if (!out) co_return fail(out.error());
  (*out)["complete"] = unasked.empty();
  (*out)["unasked"] = std::move(unasked);
  co_return out;
}

}  // namespace lemmy::pods
