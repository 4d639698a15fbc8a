#pragma once
// What Lemmy's account must be allowed in a cluster, and what of it is missing. The list is that of
// docs/operations.md#rights.
#include <set>
#include <string>
#include <vector>

#include "kube/client.h"

namespace lemmy::kube {

struct Right {
  std::string_view group, resource, verb;  // "", "pods/log", "get"
  std::string_view why;                    // what is not done without it
};
// In every namespace that is deployed to, beside list and watch; for the kinds of controllers that are in
// use.
std::vector<Right> needed_rights(const std::set<Workload>& used);
// Where watches are opened: in each of clusters.yaml's namespaces, else cluster-wide.
std::vector<Right> watch_rights(const std::set<Workload>& used);

// Whether the rules of a SelfSubjectRulesReview's status allow it. False may only mean that they are
// incomplete: a SelfSubjectAccessReview knows.
bool allowed_by(const json::object& rules_status, const Right& right);

// Those of `rights` that the account lacks in the namespace (empty: cluster-wide), a line each for people:
// "patch pods in staging: deploys are let in and out of requests". Errors: those of the client; it says
// nothing then.
Task<Result<std::vector<std::string>>> rights_missing(std::shared_ptr<Client> client,
                                                      std::vector<Right> rights, std::string ns);

}  // namespace lemmy::kube
