#pragma once
// Which cluster answers: a kubeconfig that is written anew, `kubectl config use-context`, a name server or a
// load balancer may lead to another one, whose emptiness would read as "everything was deleted".
#include <functional>
#include <string>

#include "async/task.h"

namespace lemmy::kube {

// The uid of the namespace kube-system stands for the cluster: each has this namespace, nobody can delete it,
// and it is the usual identity of a cluster (k8s.cluster.uid of OpenTelemetry's semantic conventions).
inline constexpr const char* kIdentityPath = "/api/v1/namespaces/kube-system";

// What is known of a cluster: told the uid that is there now, it gives the one that deploys of this name were
// made on, which is the same when none was known so far. Errors: those of the store.
using Recognise = std::function<Task<Result<std::string>>(std::string uid)>;

}  // namespace lemmy::kube
