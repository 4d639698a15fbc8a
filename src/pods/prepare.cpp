// What is sent to the cluster: rendered, tried out, applied; and who wrote each field of it.
#include <fmt/format.h>

#include <algorithm>

#include "deploy/crash_point.h"
#include "deploy/machine.h"
#include "domain/names.h"
#include "manifest/compare.h"
#include "pods/place.h"
#include "pods/service.h"

namespace lemmy::pods {

using deploy::of_place;
using deploy::of_store;

namespace {

constexpr milliseconds kFirstPicture{10'000}, kPictureLook{50};

std::string kind_of(const json::object& o) { return std::string(text_or(o, "kind")); }

std::string name_of(const json::object& o) { return kube::parse_meta(o).name; }

bool is_copy(const json::object& o) { return kind_of(o) == "ConfigMap" && bool_or(o, "immutable"); }

Task<Result<std::string>> dry_run(kube::Client* client, json::object manifest) {
  auto tried = co_await client->apply(std::move(manifest), true);
  if (tried) co_return "";
  Error e = std::move(tried.error());
  e.where = fmt::format("dry run: {}", e.where);
  co_return of_place(std::move(e));
}

}  // namespace

Task<Result<std::string>> Place::put_documents(Deploy d, Texts texts) {
  std::vector<Task<Result<>>> puts;
  for (auto& [name, text] : texts)
    if (!text.empty()) puts.push_back(around_.store->put_document(d.target, d.number, name, std::move(text)));
  auto done = co_await all(std::move(puts));
  for (auto& one : done)
    if (!one) co_return of_store(std::move(one.error()));
  co_return "";
}

Task<Result<Place::Sent>> Place::sent_before(Deploy d) {
  store::Store* store = around_.store;
  const Target target = d.target;
  auto text = co_await store->document(target, *d.rollback_of, "manifests");
  if (!text) co_return of_store(text.error());
  auto earlier = co_await store->deploy(target, *d.rollback_of);
  if (!earlier) co_return of_store(earlier.error());
  auto list = parse_manifests(*text);
  if (!list) co_return fail(list.error());
  manifest::stamp_again(*list,
                        {target.project, target.environment, d.sha, d.branch, d.number, earlier->config_map});
  Sent out;
  out.manifests = std::move(*list);
  auto final_doc = co_await store->document(target, *d.rollback_of, "final");
  auto environment_doc = co_await store->document(target, *d.rollback_of, "environment");
  auto origins_doc = co_await store->document(target, *d.rollback_of, "origins");
  auto origins = origins_doc ? parse_json(*origins_doc, "origins") : json::value();
  if (origins && origins->is_object()) out.origins = std::move(origins->get_object());
  out.final = final_doc.value_or("{}");
  out.environment = environment_doc.value_or("{}");
  co_return out;
}

Task<Result<Place::Sent>> Place::sent_now(Deploy d) {
  auto m = co_await render(d);
  if (!m) co_return fail(m.error());
  Sent out;
  out.manifests = m->manifests.in_order();
  out.final = pretty_json(m->manifests.final);
  auto config = around_.config();
  const config::Project* p = config->project(d.target.project);
  const config::ProjectEnvironment* e = p ? p->environment(d.target.environment) : nullptr;
  out.environment = e ? pretty_json(e->values) : "{}";
  unexplained_[d.target] = {d.number, std::move(m->from)};
  co_return out;
}

Task<std::optional<json::object>> Place::service_of(Deploy d) {
  std::optional<json::object> out;
  auto text = co_await around_.store->document(d.target, d.number, "manifests");
  auto list = text ? parse_manifests(*text) : fail(text.error());
  if (!list) co_return out;
  for (json::value& v : *list)
    if (json::object* o = v.if_object(); o && kind_of(*o) == "Service") out = std::move(*o);
  co_return out;
}

Task<Result<std::string>> Place::nobody_elses(json::object manifest) {
  const kube::Ref ref = kube::ref_to(manifest);
  auto there = co_await client()->get(ref);
  if (!there || !*there) co_return "";  // what hinders reading hinders the rest, and is said there
  const json::value* meta = find(**there, "metadata");
  const json::value* labels = meta ? find(*meta, {"labels"}) : nullptr;
  const std::string by(labels && labels->is_object() ? text_or(labels->get_object(), kManagedBy) : "");
  if (by == "lemmy") co_return kind_of(manifest) == "Service" ? can_become(**there, manifest) : "";
  co_return fail(
      ErrorCode::rejected, ref.str(),
      fmt::format("it is there already, and is not Lemmy's{}", by.empty() ? "" : ": " + by + " manages it"),
      fmt::format("name the project otherwise, or hand it over: kubectl label -n {} {}/{} "
                  "--overwrite {}=lemmy",
                  ref.ns, ref.resource, ref.name, kManagedBy));
}

// Nothing of it was applied yet. A store that was restored may give a number that the cluster still has.
Result<> Place::is_free(const Deploy& d) const {
  const auto* there = cluster_.controller({d.target, d.number});
  if (!there) return {};
  return fail(ErrorCode::invalid, there->meta.name.str(),
              fmt::format("the cluster has a controller of a deploy #{} already", d.number),
              "deploy it again: it gets the next number that nothing has");
}

Task<Result<deploy::Prepared>> Place::prepare(Deploy d, std::optional<Deploy> serving) {
  // How many are wanted now must be known before the new one is sized.
  if (const deploy::Sight sight = look(d); sight.blind) co_return of_place(*sight.blind);
  if (auto free = is_free(d); !free) co_return fail(std::move(free.error()));
  Result<Sent> sent;
  if (d.rollback_of)
    sent = co_await sent_before(d);
  else
    sent = co_await sent_now(d);
  if (!sent) co_return fail(sent.error());
  json::array manifests = std::move(sent->manifests);
  json::object* controller = nullptr;
  d.config_map.clear();
  for (json::value& v : manifests) {
    json::object& o = v.get_object();
    if (workload_of_kind(kind_of(o))) controller = &o;
    if (is_copy(o)) d.config_map = name_of(o);
  }
  if (!controller) co_return fail(ErrorCode::internal, "manifests", "there is no controller");
  const WorkloadTraits& of = traits(*workload_of_kind(kind_of(*controller)));
  if (auto seen = co_await is_seen(of.workload, d.target); !seen) co_return fail(std::move(seen.error()));
  if (auto free = is_free(d); !free) co_return fail(std::move(free.error()));
  const manifest::Scale scale = manifest::scale_of(manifests);
  d.replicas = deploy::starting_replicas(scale.replicas, scale.min, scale.max,
                                         serving_wants(cluster_, serving ? &*serving : nullptr));
  manifest::set_replicas(*controller, d.replicas);
  in_places(d, [&](DeployPlace& p) { p.object = name_of(*controller), p.kind = of.name; });

  Texts texts{{"manifests", pretty_json(manifests)},
              {"final", std::move(sent->final)},
              {"environment", std::move(sent->environment)}};
  if (json::value* objects = sent->origins.if_contains("objects"); objects && objects->is_object()) {
    manifest::say_sent(objects->get_object(), manifests);
    texts.emplace_back("origins", json::serialize(sent->origins));
  }
  std::optional<json::object> service_before;
  if (serving) service_before = co_await service_of(*serving);
  // All at once: none of it needs another's answer.
  std::vector<Task<Result<std::string>>> asked;
  for (const json::value& v : manifests)
    if (const std::string kind = kind_of(v.get_object());
        kind == "Service" || (kind == "ConfigMap" && !is_copy(v.get_object())))
      asked.push_back(nobody_elses(v.get_object()));
  bool has_service = false;
  for (json::value& v : manifests) {
    json::object& o = v.get_object();
    if (kind_of(o) != "Service") {
      asked.push_back(dry_run(client(), std::move(o)));
      continue;
    }
    has_service = true;
    asked.push_back(try_service(client(), std::move(o), service_before));
  }
  asked.push_back(put_documents(d, std::move(texts)));
  asked.push_back(client()->secret_version(d.target.environment, d.target.project));
  auto answers = co_await all(std::move(asked));
  auto secret = std::move(answers.back());
  answers.pop_back();
  d.secret_version = secret ? *secret : kUnknownSecret;  // also for the explanation, should it fail
  for (auto& one : answers)
    if (!one) co_return fail(std::move(one.error()));
  deploy::Prepared out{std::move(d), "the cluster would take all of it", {}};
  if (!has_service) {
    auto left = co_await service_left(client(), out.deploy.target);
    if (left && *left) out.warnings.emplace_back(text_or(**left, "text"));
  }
  if (!secret) out.warnings.push_back("the Secret's version is not recorded: " + secret.error().str());
  co_return out;
}

// The first deploy of a kind: its watches begin.
Task<Result<>> Place::is_seen(Workload workload, Target target) {
  cluster_.follow(workload);
  const auto until = Clock::now() + kFirstPicture;
  while (!cluster_.is_live(target.environment, workload) && Clock::now() < until)
    co_await sleep_for(kPictureLook);
  if (auto trouble = cluster_.trouble(target.environment, workload)) {
    // As the watches saw it last: what is refused there may be allowed by now.
    trouble->code = ErrorCode::unavailable;
    co_return of_place(*trouble);
  }
  if (!cluster_.synced(target.environment, workload))
    co_return of_place({ErrorCode::unavailable, cluster_.name(), "its picture is being read"});
  co_return Result<>{};
}

// The copy belongs to every controller that mounts it, and goes with the last of them.
Task<Result<>> Place::own_config_map(Deploy d, json::object copy, std::string uid) {
  auto there = co_await client()->get(kube::ref_to(copy));
  if (!there) co_return of_place(there.error());
  json::array owners;
  if (*there) owners = kube::other_owners(**there, uid);
  const WorkloadTraits& of = traits(workload_of(d));
  if (!uid.empty())
    owners.push_back(json::object{
        {"apiVersion", of.api_version()}, {"kind", of.kind}, {"name", d.object_name}, {"uid", uid}});
  copy["metadata"].get_object()["ownerReferences"] = owners;
  if (auto may = may_act(); !may) co_return may;
  auto done = co_await client()->apply(std::move(copy), false);
  if (!done) co_return of_place(done.error());
  co_return Result<>{};
}

Task<Result<deploy::Applied>> Place::apply(Deploy d) {
  auto stored = co_await around_.store->document(d.target, d.number, "manifests");
  if (!stored) co_return of_store(stored.error());
  auto manifests = parse_manifests(*stored);
  if (!manifests) co_return fail(manifests.error());
  // They may have been kept by a Lemmy of before, with fewer stamps.
  manifest::stamp_again(*manifests,
                        {d.target.project, d.target.environment, d.sha, d.branch, d.number, d.config_map});
  std::optional<json::object> copy;
  deploy::Applied out{deploy::Applied::How::begun, d, ""};
  for (json::value& v : *manifests) {
    json::object& o = v.get_object();
    std::string uid;
    if (kind_of(o) == "Service") {
      auto taken = co_await take_over(d.target);
      if (!taken && taken.error().code != ErrorCode::forbidden) co_return fail(taken.error());
      if (!taken) {
        // Nobody who answers now may be left out.
        o["spec"].get_object()["selector"].get_object().erase(kAnswersLabel);
        out.warnings.push_back("the Service selects as before, what fails will be scaled to 0: " +
                               taken.error().str());
      }
    }
    if (is_copy(o)) {
      copy = o;
      auto done = co_await own_config_map(d, o, "");
      if (!done) co_return fail(done.error());
    } else {
      if (auto may = may_act(); !may) co_return fail(may.error());
      auto done = co_await client()->apply(o, false);
      if (!done) co_return of_place(done.error());
      uid = kube::parse_meta(*done).uid;
    }
    deploy::crash_point();
    if (workload_of_kind(kind_of(o)) && copy) {
      auto owned = co_await own_config_map(d, *copy, uid);
      if (!owned) co_return fail(owned.error());
      deploy::crash_point();
    }
  }
  out.text = fmt::format("applied {} with {} pod{}", d.object_name, d.replicas, d.replicas == 1 ? "" : "s");
  co_return out;
}

}  // namespace lemmy::pods
