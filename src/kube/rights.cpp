#include "kube/rights.h"

#include <fmt/format.h>

#include <algorithm>

namespace lemmy::kube {
namespace {

constexpr std::string_view kDeploys = "deploys are applied", kEnds = "deploys are deleted";
constexpr Right kNeeded[] = {
    {"", "replicationcontrollers", "get", kDeploys},
    {"", "replicationcontrollers", "create", kDeploys},
    {"", "replicationcontrollers", "patch", kDeploys},
    {"", "replicationcontrollers", "delete", kEnds},
    {"", "replicationcontrollers/scale", "patch", "deploys are zeroed and restored"},
    {"", "services", "get", kDeploys},
    {"", "services", "create", kDeploys},
    {"", "services", "patch", kDeploys},
    {"", "configmaps", "get", kDeploys},
    {"", "configmaps", "create", kDeploys},
    {"", "configmaps", "patch", kDeploys},
    {"", "configmaps", "delete", kEnds},
    {"", "pods", "create", "dry runs try a pod"},
    {"", "pods", "patch", "deploys are let in to requests and kept from them; without it they are zeroed"},
    {"", "pods", "delete", "pods without a controller are removed"},
    {"", "pods/log", "get", "logs are shown and kept"},
    {"", "secrets", "get", "a changed Secret is noticed"},
    {"autoscaling", "horizontalpodautoscalers", "get", "drift is told"},
    {"autoscaling", "horizontalpodautoscalers", "create", kDeploys},
    {"autoscaling", "horizontalpodautoscalers", "patch", kDeploys},
    {"autoscaling", "horizontalpodautoscalers", "delete", kEnds},
};
constexpr Right kOfDeployments[] = {
    {"apps", "deployments", "get", kDeploys},
    {"apps", "deployments", "create", kDeploys},
    {"apps", "deployments", "patch", kDeploys},
    {"apps", "deployments", "delete", kEnds},
    {"apps", "deployments/scale", "patch", "deploys are zeroed and restored"},
    {"apps", "replicasets", "get", "what is nobody's is removed"},
    {"apps", "replicasets", "delete", "what is nobody's is removed"},
};
constexpr std::string_view kPicture = "what runs is seen";
constexpr Right kDeploymentsWatched[] = {
    {"apps", "deployments", "list", kPicture},
    {"apps", "deployments", "watch", kPicture},
    {"apps", "replicasets", "list", kPicture},
    {"apps", "replicasets", "watch", kPicture},
};
constexpr Right kWatched[] = {
    {"", "pods", "list", kPicture},
    {"", "pods", "watch", kPicture},
    {"", "replicationcontrollers", "list", kPicture},
    {"", "replicationcontrollers", "watch", kPicture},
    {"autoscaling", "horizontalpodautoscalers", "list", kPicture},
    {"autoscaling", "horizontalpodautoscalers", "watch", kPicture},
    {"discovery.k8s.io", "endpointslices", "list", "who answers is seen"},
    {"discovery.k8s.io", "endpointslices", "watch", "who answers is seen"},
    {"", "events", "list", "causes are explained"},
    {"", "events", "watch", "causes are explained"},
};

bool has(const json::object& rule, std::string_view key, std::string_view word) {
  const json::value* list = rule.if_contains(key);
  return list && list->is_array() && std::ranges::any_of(list->get_array(), [&](const json::value& v) {
           return v.is_string() && (v.get_string() == "*" || v.get_string() == word);
         });
}

}  // namespace

std::vector<Right> needed_rights(const std::set<Workload>& used) {
  std::vector<Right> out(std::begin(kNeeded), std::end(kNeeded));
  if (used.contains(Workload::deployment))
    out.insert(out.end(), std::begin(kOfDeployments), std::end(kOfDeployments));
  return out;
}

std::vector<Right> watch_rights(const std::set<Workload>& used) {
  std::vector<Right> out(std::begin(kWatched), std::end(kWatched));
  if (used.contains(Workload::deployment))
    out.insert(out.end(), std::begin(kDeploymentsWatched), std::end(kDeploymentsWatched));
  return out;
}

bool allowed_by(const json::object& status, const Right& right) {
  const json::value* rules = status.if_contains("resourceRules");
  return rules && rules->is_array() && std::ranges::any_of(rules->get_array(), [&](const json::value& v) {
           const json::object* rule = v.if_object();
           if (!rule) return false;
           const json::value* names = rule->if_contains("resourceNames");  // of some objects only
           if (names && names->is_array() && !names->get_array().empty()) return false;
           return has(*rule, "apiGroups", right.group) && has(*rule, "verbs", right.verb) &&
                  has(*rule, "resources", right.resource);
         });
}

Task<Result<std::vector<std::string>>> rights_missing(std::shared_ptr<Client> client,
                                                      std::vector<Right> rights, std::string ns) {
  // One question for all; those that it does not answer with yes are asked for one by one.
  if (!ns.empty()) {
    json::object spec{{"namespace", ns}};
    auto rules = co_await client->review("SelfSubjectRulesReview", std::move(spec));
    if (!rules) co_return fail(rules.error());
    std::erase_if(rights, [&](const Right& r) { return allowed_by(*rules, r); });
  }
  std::vector<std::string> out;
  for (const Right& right : rights) {
    const size_t slash = right.resource.find('/');
    json::object asked{
        {"verb", right.verb}, {"group", right.group}, {"resource", right.resource.substr(0, slash)}};
    if (!ns.empty()) asked["namespace"] = ns;
    if (slash != right.resource.npos) asked["subresource"] = right.resource.substr(slash + 1);
    json::object spec{{"resourceAttributes", std::move(asked)}};
    auto told = co_await client->review("SelfSubjectAccessReview", std::move(spec));
    if (!told) co_return fail(told.error());
    if (!bool_or(*told, "allowed"))
      out.push_back(fmt::format("{} {}{}: {}", right.verb, right.resource,
                                ns.empty() ? " in all namespaces" : " in " + ns, right.why));
  }
  co_return out;
}

}  // namespace lemmy::kube
