#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"
#include "deploy/worker.h"
#include "domain/names.h"
#include "manifest/compare.h"
#include "manifest/explain.h"

namespace lemmy::deploy {
namespace {

std::string kind_of(const json::object& o) { return std::string(text_or(o, "kind")); }

std::string name_of(const json::object& o) { return kube::parse_meta(o).name; }

bool is_copy(const json::object& o) { return kind_of(o) == "ConfigMap" && bool_or(o, "immutable"); }

Result<json::array> parse_manifests(const std::string& text) {
  auto v = parse_json(text, "stored manifests");
  if (!v) return fail(v.error());
  if (!v->is_array()) return fail(ErrorCode::internal, "stored manifests", "they are not a list");
  return std::move(v->get_array());
}

// The order in which they are applied: what pods need comes before them.
json::array in_order(const manifest::Manifests& m) {
  json::array out;
  for (const auto& o : {m.config_map_copy, m.config_map, m.service, std::optional(m.rc), m.autoscaler})
    if (o) out.push_back(*o);
  return out;
}

Error no_cluster(const Target& target) {
  return {ErrorCode::unavailable, target.environment, "no cluster is configured for this environment"};
}

}  // namespace

Task<Result<Worker::Rendered>> Worker::render(Deploy d) {
  auto build = co_await c_.around_.store->build(target_.project, d.sha);
  if (!build) co_return fail(build.error());
  auto config = c_.around_.config();
  auto found = project(*config);
  if (!found) co_return fail(found.error());
  auto& cached = c_.renderers_[target_.project];
  std::shared_ptr<const manifest::Renderer> renderer = cached.second;
  if (!renderer || cached.first != config->revision) {
    auto made = co_await c_.around_.pool->run(
        [config, project = *found] { return manifest::Renderer::create(*config, *project); });
    if (!made) co_return fail(made.error());
    renderer = *made;
    c_.renderers_[target_.project] = {config->revision, renderer};
  }
  Rendering from{renderer, *build, config->revision};
  co_return co_await c_.around_.pool->run(
      [from, environment = target_.environment, number = d.number]() -> Result<Rendered> {
        auto m = from.renderer->render(environment, from.build, number);
        if (!m) return fail(m.error());
        return Rendered{std::move(*m), from};
      });
}

Task<std::string> Worker::origins_of(Rendering from, int64_t number, json::array manifests) {
  auto explain = [from = std::move(from), environment = target_.environment, number,
                  manifests = std::move(manifests)]() -> std::string {
    auto e = from.renderer->explain(environment, from.build, number);
    if (!e) return "";
    json::value objects = manifest::to_json(*e);
    if (!objects.is_object()) return "";
    manifest::say_sent(objects.get_object(), manifests);
    return json::serialize(json::object{
        {"revision", from.revision}, {"complete", e->complete}, {"objects", std::move(objects)}});
  };
  co_return co_await c_.around_.pool->run(std::move(explain));
}

Task<std::string> Worker::keep_origins(Deploy d, json::array manifests) {
  auto known = std::exchange(unexplained_, {});
  if (!known || known->first != d.number) co_return "";
  std::string text = co_await origins_of(std::move(known->second), d.number, std::move(manifests));
  auto put = co_await put_documents(d, {{"origins", text}});
  if (!put)
    log::warning("origins are not kept", {{"project", target_.project},
                                          {"environment", target_.environment},
                                          {"deploy", std::to_string(d.number)},
                                          {"what", put.error().str()}});
  co_return text;
}

Task<Result<std::string>> Worker::put_documents(Deploy d, Texts texts) {
  std::vector<Task<Result<>>> puts;
  for (auto& [name, text] : texts)
    if (!text.empty())
      puts.push_back(c_.around_.store->put_document(target_, d.number, name, std::move(text)));
  auto done = co_await all(std::move(puts));
  for (auto& one : done)
    if (!one) co_return fail(std::move(one.error()));
  co_return "";
}

static Task<Result<std::string>> dry_run(kube::Client* client, json::object manifest) {
  auto tried = co_await client->apply(std::move(manifest), true);
  if (tried) co_return "";
  Error e = std::move(tried.error());
  e.where = fmt::format("dry run: {}", e.where);
  co_return fail(std::move(e));
}

Task<Result<json::array>> Worker::manifests_of_earlier(Deploy d) {
  auto text = co_await c_.around_.store->document(target_, *d.rollback_of, "manifests");
  if (!text) co_return fail(text.error());
  auto earlier = co_await c_.around_.store->deploy(target_, *d.rollback_of);
  if (!earlier) co_return fail(earlier.error());
  auto list = parse_manifests(*text);
  if (!list) co_return fail(list.error());
  manifest::stamp_again(
      *list, {target_.project, target_.environment, d.sha, d.branch, d.number, earlier->config_map});
  co_return list;
}

Task<bool> Worker::prepare(Deploy d, Step* step) {
  if (waits(d.number, step)) co_return false;
  kube::Cluster* cluster = this->cluster();
  if (!cluster) co_return co_await trouble(d, no_cluster(target_), step);
  // How many are live must be known before the new one is sized.
  if (!cluster->is_live()) {
    Error e{ErrorCode::unavailable, cluster->name(), "the cluster's picture is being read"};
    co_return co_await trouble(d, cluster->trouble().value_or(e), step);
  }
  json::array manifests;
  json::object origins;  // of a roll back: those of the earlier deploy
  std::string final_text, environment_text;
  if (d.rollback_of) {
    auto list = co_await manifests_of_earlier(d);
    if (!list) co_return co_await trouble(d, list.error(), step);
    manifests = std::move(*list);
    auto final_doc = co_await c_.around_.store->document(target_, *d.rollback_of, "final");
    auto environment_doc = co_await c_.around_.store->document(target_, *d.rollback_of, "environment");
    auto origins_doc = co_await c_.around_.store->document(target_, *d.rollback_of, "origins");
    auto earlier = origins_doc ? parse_json(*origins_doc, "origins") : json::value();
    if (earlier && earlier->is_object()) origins = std::move(earlier->get_object());
    final_text = final_doc.value_or("{}");
    environment_text = environment_doc.value_or("{}");
  } else {
    auto m = co_await render(d);
    if (!m) co_return co_await trouble(d, m.error(), step);
    manifests = in_order(m->manifests);
    unexplained_ = {d.number, std::move(m->from)};
    final_text = pretty_json(m->manifests.final);
    auto config = c_.around_.config();
    const config::Project* p = config->project(target_.project);
    const config::ProjectEnvironment* e = p ? p->environment(target_.environment) : nullptr;
    environment_text = e ? pretty_json(e->values) : "{}";
  }

  json::object* rc = nullptr;
  d.config_map.clear();
  for (json::value& v : manifests) {
    json::object& o = v.get_object();
    if (kind_of(o) == "ReplicationController") rc = &o;
    if (is_copy(o)) d.config_map = name_of(o);
  }
  if (!rc)
    co_return co_await fail_deploy(d,
                                   {ErrorCode::internal, "manifests", "there is no ReplicationController"});
  const manifest::Scale scale = manifest::scale_of(manifests);
  d.replicas = starting_replicas(scale.replicas, scale.min, scale.max, c_.live_ready(target_));
  manifest::set_replicas(*rc, d.replicas);
  d.object_name = name_of(*rc);

  Texts texts{{"manifests", pretty_json(manifests)},
              {"final", std::move(final_text)},
              {"environment", std::move(environment_text)}};
  if (json::value* objects = origins.if_contains("objects"); objects && objects->is_object()) {
    manifest::say_sent(objects->get_object(), manifests);
    texts.emplace_back("origins", json::serialize(origins));
  }
  // All at once: none of it needs another's answer.
  kube::Client* client = &cluster->client();
  std::vector<Task<Result<std::string>>> asked;
  for (json::value& v : manifests) asked.push_back(dry_run(client, std::move(v.get_object())));
  asked.push_back(put_documents(d, std::move(texts)));
  asked.push_back(client->secret_version(target_.environment, target_.project));
  auto answers = co_await all(std::move(asked));
  auto secret = std::move(answers.back());
  answers.pop_back();
  d.secret_version = secret ? *secret : kUnknownSecret;  // also for the explanation, should it fail
  for (auto& one : answers)
    if (!one) co_return co_await trouble(d, std::move(one.error()), step);
  std::vector<DeployEvent> events;
  if (!secret)
    events.push_back(
        event(d, now(), "warning", "lemmy", "the Secret's version is not recorded: " + secret.error().str()));
  crash_point();
  retries_.erase(d.number);
  Move m = enter(std::move(d), Phase::applying, now(), "lemmy", "the cluster would take all of it");
  m.events.insert(m.events.end(), events.begin(), events.end());
  co_return co_await store(std::move(m));
}

Task<Result<json::array>> Worker::try_out(Deploy d) {
  kube::Cluster* cluster = this->cluster();
  if (!cluster) co_return fail(no_cluster(target_));
  auto m = co_await render(d);
  if (!m) co_return fail(m.error());
  json::array out;
  for (const json::value& v : in_order(m->manifests)) {
    const json::object& o = v.get_object();
    auto tried = co_await cluster->client().apply(o, true);
    Error e = tried ? Error{} : tried.error();
    if (e.code == ErrorCode::unavailable || e.code == ErrorCode::timeout) co_return fail(std::move(e));
    out.push_back({{"kind", kind_of(o)},
                   {"name", name_of(o)},
                   {"ok", tried.has_value()},
                   {"what", e.what},
                   {"hint", e.hint}});
  }
  co_return out;
}

// The copy belongs to every RC that mounts it, and goes with the last of them.
Task<Result<>> Worker::own_config_map(kube::Client* client, json::object copy, std::string rc_uid) {
  auto there = co_await client->get(kube::ref_to(copy));
  if (!there) co_return fail(there.error());
  json::array owners;
  if (*there) owners = kube::other_owners(**there, rc_uid);
  const Deploy* d = c_.active(target_);
  if (!rc_uid.empty() && d)
    owners.push_back(json::object{
        {"apiVersion", "v1"}, {"kind", "ReplicationController"}, {"name", d->object_name}, {"uid", rc_uid}});
  copy["metadata"].get_object()["ownerReferences"] = owners;
  auto done = co_await client->apply(std::move(copy), false);
  if (!done) co_return fail(done.error());
  co_return Result<>{};
}

Task<bool> Worker::apply(Deploy d, Step* step) {
  if (waits(d.number, step)) co_return false;
  kube::Cluster* cluster = this->cluster();
  if (!cluster) co_return co_await trouble(d, no_cluster(target_), step);
  kube::Client* client = &cluster->client();
  auto stored = co_await c_.around_.store->document(target_, d.number, "manifests");
  if (!stored) co_return co_await trouble(d, stored.error(), step);
  auto manifests = parse_manifests(*stored);
  if (!manifests) co_return co_await fail_deploy(d, manifests.error());

  std::optional<json::object> copy;
  for (const json::value& v : *manifests) {
    const json::object& o = v.get_object();
    std::string uid;
    if (is_copy(o)) {
      copy = o;
      auto done = co_await own_config_map(client, o, "");
      if (!done) co_return co_await trouble(d, done.error(), step);
    } else {
      auto done = co_await client->apply(o, false);
      if (!done) co_return co_await trouble(d, done.error(), step);
      uid = kube::parse_meta(*done).uid;
    }
    crash_point();
    if (kind_of(o) == "ReplicationController" && copy) {
      auto owned = co_await own_config_map(client, *copy, uid);
      if (!owned) co_return co_await trouble(d, owned.error(), step);
      crash_point();
    }
  }
  retries_.erase(d.number);
  d.presence = Presence::running;
  std::string text = fmt::format("applied {} with {} pods", d.object_name, d.replicas);
  const bool stored_now = co_await store(enter(d, Phase::rolling_out, now(), "lemmy", std::move(text)));
  co_await keep_origins(std::move(d), std::move(*manifests));
  co_return stored_now;
}

}  // namespace lemmy::deploy
