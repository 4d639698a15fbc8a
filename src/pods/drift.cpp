// What in the cluster is not as a deploy applied it: asked object by object, and compared by
// manifest/drift.h.
#include "manifest/drift.h"

#include <fmt/format.h>

#include "deploy/machine.h"
#include "pods/place.h"
#include "pods/service.h"

namespace lemmy::pods {

using deploy::of_place;
using deploy::of_store;

namespace {

constexpr milliseconds kAskLimit{8'000};  // for all objects, which are asked at the same time
constexpr size_t kDriftsShown = 100, kComparedKept = 10'000;

struct Asked {
  json::object manifest;
  manifest::InCluster cluster;
  Compared found;          // empty until it is compared
  bool unchanged = false;  // since it was compared: found is of then
  std::string refused;     // why applying it anew would be
};

// What grows or differs when somebody changes it: not by its status, where that can be told from the rest.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
std::string version_of(const json::object& live) {
  const json::value* v = live.if_contains("metadata");
  const json::object* meta = v ? v->if_object() : nullptr;
  if (!meta) return {};
  const bool counted = int_or(*meta, "generation") > 0;
  json::array out{text_or(*meta, "uid"), text_or(*meta, "deletionTimestamp")};
  if (counted) out.emplace_back(int_or(*meta, "generation"));
  for (const char* key : {"labels", "annotations"})
    if (const json::value* some = meta->if_contains(key); some && counted) out.push_back(*some);
  if (!counted) out.emplace_back(text_or(*meta, "resourceVersion"));
  return json::serialize(out);
}

// Its error is told by the caller, who names the object. known: of the last time.
Task<Result<Asked>> ask_cluster(kube::Client* client, json::object manifest, Compared known) {
  Asked out;
  auto live = co_await client->get(kube::ref_to(manifest));
  if (!live) co_return fail(live.error());
  out.cluster.live = std::move(*live);
  if (out.cluster.live && (text_or(*out.cluster.live, "kind") != text_or(manifest, "kind")))
    co_return fail(ErrorCode::unavailable, kube::ref_to(manifest).str(),
                   "what answered is not the API server: it gave something else");
  if (out.cluster.live) out.found.version = version_of(*out.cluster.live);
  out.unchanged = !known.version.empty() && out.found.version == known.version;
  if (out.unchanged) out.found = std::move(known);
  if (out.cluster.live && !out.unchanged) {
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

// For the pool: a ConfigMap may have a mebibyte. Those that have been compared stay as they are.
std::vector<Asked> compare_all(std::vector<Asked> asked, bool autoscaled) {
  for (Asked& a : asked) {
    if (a.unchanged || !a.found.items.empty()) continue;
    for (const manifest::Drift& drift : manifest::drift(a.manifest, a.cluster, autoscaled))
      a.found.items.push_back(manifest::to_json(drift));
  }
  return asked;
}

Task<Result<json::object>> try_new(kube::Client* client, kube::Ref collection, json::object manifest) {
  auto tried = co_await client->try_create(std::move(collection), std::move(manifest));
  co_return std::move(tried.answer);
}

bool has_added(const Asked& a) {
  return !a.unchanged && std::ranges::any_of(a.found.items, [](const json::value& v) {
    return text_or(v.as_object(), "what") == "added";
  });
}

// As a new object beside it, tried out: what the API server adds to it by itself.
Task<std::optional<json::object>> ask_as_new(kube::Client* client, json::object manifest) {
  kube::Ref collection = kube::ref_to(manifest);
  manifest["metadata"].as_object()["name"] = collection.name + "-anew";
  collection.name.clear();
  auto tried = co_await with_deadline(try_new(client, std::move(collection), std::move(manifest)), kAskLimit,
                                      "a new object");
  co_return tried ? std::optional(std::move(*tried)) : std::nullopt;
}

bool is_autoscaler(const json::object& manifest) {
  return text_or(manifest, "kind") == "HorizontalPodAutoscaler";
}

}  // namespace

Task<Result<json::object>> Place::drift(Deploy d, bool afresh) {
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
  auto key = [&](const json::object& o) {
    return fmt::format("{}#{} {} {}", d.target.str(), d.number, kube::ref_to(o).str(), autoscaled);
  };
  std::vector<Task<Result<Asked>>> asks;
  for (const json::object& o : all_of_it) {
    const auto known = compared_.find(key(o));
    Compared before = afresh || known == compared_.end() ? Compared{} : known->second;
    asks.push_back(
        with_deadline(ask_cluster(client(), o, std::move(before)), kAskLimit, kube::ref_to(o).str()));
  }
  auto answers = co_await all(std::move(asks));
  std::optional<json::object> left;
  if (std::ranges::none_of(all_of_it,
                           [](const json::object& o) { return text_or(o, "kind") == "Service"; })) {
    auto there = co_await with_deadline(service_left(client(), d.target), kAskLimit, "the Service");
    if (there) left = std::move(*there);
  }

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
  auto compared = co_await around_.pool->run(
      [asked = std::move(asked), autoscaled]() mutable -> Result<std::vector<Asked>> {
        return compare_all(std::move(asked), autoscaled);
      });
  if (!compared) co_return fail(compared.error());
  if (std::ranges::any_of(*compared, has_added)) {
    for (Asked& a : *compared) {
      if (!has_added(a)) continue;
      a.cluster.as_new = co_await ask_as_new(client(), a.manifest);
      if (a.cluster.as_new) a.found.items.clear();
    }
    auto again = co_await around_.pool->run(
        [asked = std::move(*compared), autoscaled]() mutable -> Result<std::vector<Asked>> {
          return compare_all(std::move(asked), autoscaled);
        });
    if (!again) co_return fail(again.error());
    compared = std::move(again);
  }
  json::array items, refused;
  if (left) items.push_back(std::move(*left));
  size_t left_out = 0;
  if (compared_.size() > kComparedKept) compared_.clear();
  for (Asked& a : *compared) {
    if (a.refused.empty()) compared_[key(a.manifest)] = a.found;
    if (!a.refused.empty()) refused.push_back(with_why(a.manifest, a.refused));
    for (json::value& v : a.found.items)
      if (items.size() < kDriftsShown)
        items.push_back(std::move(v));
      else
        ++left_out;
  }
  json::object out{{"complete", unasked.empty()}, {"compared", compared->size()}, {"left_out", left_out}};
  out["items"] = std::move(items);
  out["unasked"] = std::move(unasked);
  out["refused"] = std::move(refused);
  co_return out;
}

}  // namespace lemmy::pods
