#include "pods/service.h"

#include <fmt/format.h>

#include "deploy/machine.h"
#include "domain/names.h"
#include "kube/objects.h"
#include "manifest/drift.h"

namespace lemmy::pods {
namespace {

bool is_headless(const json::object& service) {
  const json::value* ip = find(service, {"spec", "clusterIP"});
  return ip && ip->is_string() && ip->get_string() == "None";
}

bool has_no_address(const json::object& service) {
  const json::value* type = find(service, {"spec", "type"});
  return type && type->is_string() && type->get_string() == "ExternalName";
}

// What somebody changed beside Lemmy; empty: nothing, or it cannot be told.
Task<std::string> changed_by_hand(kube::Client* client, json::object before) {
  constexpr size_t kShown = 3;
  auto live = co_await client->get(kube::ref_to(before));
  if (!live || !*live) co_return "";
  std::string out;
  size_t shown = 0;
  for (const manifest::Drift& d : manifest::drift(before, {std::move(*live), std::nullopt}, false)) {
    if (d.by_deploy != 0 || d.manager == "lemmy" || ++shown > kShown) continue;
    out += (out.empty() ? "" : "; ") + manifest::drift_line(d);
  }
  co_return out;
}

}  // namespace

Task<Result<std::string>> try_service(kube::Client* client, json::object manifest,
                                      std::optional<json::object> before) {
  const kube::Ref ref = kube::ref_to(manifest);
  auto tried = co_await client->apply(std::move(manifest), true);
  if (tried) co_return "";
  Error e = std::move(tried.error());
  if (e.code == ErrorCode::rejected) {
    std::string changed;
    if (before) changed = co_await changed_by_hand(client, std::move(*before));
    if (!changed.empty())
      e.hint = "put back by hand what was changed beside Lemmy: " + changed;
    else if (e.what.contains("immutable") || e.what.contains("may not change"))
      e.hint = fmt::format(
          "this cannot be changed in place: delete the Service and deploy again at once, nobody is reached "
          "through it meanwhile: kubectl delete -n {} service {}",
          ref.ns, ref.name);
  }
  e.where = fmt::format("dry run: {}", e.where);
  co_return deploy::of_place(std::move(e));
}

Result<std::string> can_become(const json::object& live, const json::object& manifest) {
  const bool is = is_headless(live), shall = is_headless(manifest);
  if (is == shall || has_no_address(live) || has_no_address(manifest)) return "";
  const kube::Ref ref = kube::ref_to(manifest);
  return fail(ErrorCode::rejected, ref.str(),
              fmt::format("it is {}headless (clusterIP: None) and would have to {}, which Kubernetes does "
                          "not do in place",
                          is ? "" : "not ", is ? "get an address" : "lose its address"),
              fmt::format("delete it and deploy again at once, nobody is reached through it meanwhile: "
                          "kubectl delete -n {} service {}",
                          ref.ns, ref.name));
}

Task<Result<std::optional<json::object>>> service_left(kube::Client* client, Target target) {
  std::optional<json::object> out;
  auto live = co_await client->get({"/api/v1", "services", target.environment, target.project});
  if (!live) co_return fail(live.error());
  if (!*live) co_return out;
  const kube::Meta meta = kube::parse_meta(**live);
  if (!meta.is_of_target() || meta.target() != target || meta.deleting) co_return out;
  const std::string text = fmt::format(
      "Service {}: this deploy has none, it is there from before and leads requests to its pods (kubectl "
      "delete "
      "-n {} service {})",
      target.project, target.environment, target.project);
  out = json::object{{"kind", "Service"},  {"name", target.project},
                     {"what", "left"},     {"path", ""},
                     {"applied", nullptr}, {"live", nullptr},
                     {"manager", ""},      {"at", ""},
                     {"deploy", nullptr},  {"text", text}};
  co_return out;
}

}  // namespace lemmy::pods
