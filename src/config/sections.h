#pragma once
// Inside room config: every key there is. The reader refuses all others, and a test looks each up in
// docs/configuration.md.
#include <string>
#include <vector>

namespace lemmy::config {

struct Section {
  std::string name;  // as headed in the docs
  std::vector<std::string> keys;
};

inline const Section kClusters{"clusters.yaml", {"clusters"}};
inline const Section kCluster{"clusters.yaml: a cluster",
                              {"kubeconfig", "context", "in_cluster", "namespaces"}};
inline const Section kEnvironments{"environments.yaml", {"environments", "retention"}};
inline const Section kEnvironment{"environments.yaml: an environment",
                                  {"name", "cluster", "protected", "role", "failed", "retire"}};
inline const Section kRetire{"environments.yaml: retire", {"zero_after", "keep"}};
inline const Section kRetention{
    "environments.yaml: retention",
    {"every", "deploys", "deploys_for", "builds", "builds_for", "deliveries_for", "feed_for", "feed_most"}};
inline const Section kProject{
    "project.yaml",
    {"deployer", "workload", "description", "owners", "links", "deadline", "timeout", "settle", "crash_loops",
     "wait_for_config", "history", "service", "hosts", "playbook", "boot", "boot_branch"}};
inline const Section kLink{"project.yaml: a link", {"title", "url"}};
inline const Section kValues{"environments.json: an environment",
                             {"replicas", "autoscale", "env", "resources", "deployer", "workload", "vars"}};
inline const Section kAutoscale{"environments.json: autoscale", {"min", "max", "cpu"}};
inline const Section kResources{"environments.json: resources", {"requests", "limits"}};
inline const Section kAccess{"access.yaml",
                             {"users", "tokens", "hooks", "instances", "anonymous", "session", "limits",
                              "public_url", "trusted_proxies"}};
inline const Section kUser{"access.yaml: a user", {"role", "password_hash"}};
inline const Section kToken{"access.yaml: a token", {"role", "hash", "projects", "expires"}};
inline const Section kHook{"access.yaml: a hook",
                           {"secret_file", "secret_env", "token_hash", "projects", "sign"}};
inline const Section kInstances{"access.yaml: instances", {"tokens", "aws", "gce"}};
inline const Section kInstanceToken{"access.yaml: a token of instances",
                                    {"project", "environment", "token_hash"}};
inline const Section kAws{"access.yaml: instances.aws",
                          {"accounts", "regions", "certificates", "projects", "check_address", "max_age"}};
inline const Section kGce{"access.yaml: instances.gce",
                          {"google_projects", "audience", "keys_file", "projects"}};
inline const Section kSession{"access.yaml: session", {"lifetime"}};
inline const Section kLimits{"access.yaml: limits", {"logins_per_minute", "hooks_per_minute"}};

inline const Section* const kSections[] = {
    &kClusters, &kCluster,   &kEnvironments,  &kEnvironment, &kRetire, &kRetention, &kProject,
    &kLink,     &kValues,    &kAutoscale,     &kResources,   &kAccess, &kUser,      &kToken,
    &kHook,     &kInstances, &kInstanceToken, &kAws,         &kGce,    &kSession,   &kLimits};

}  // namespace lemmy::config
