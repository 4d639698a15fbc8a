#pragma once
// Inside room pods: what becomes of a target's Service, which outlives deploys.
#include "kube/client.h"

namespace lemmy::pods {

// Tries the Service as it is to be applied. before: as the deploy that serves applied it; what differs from
// that somebody changed by hand, and is named when the API server refuses.
Task<Result<std::string>> try_service(kube::Client* client, json::object manifest,
                                      std::optional<json::object> before);
// That it is there already, is Lemmy's, and can become what the manifest says: Kubernetes never changes
// whether a Service is headless, and an apply that leaves clusterIP out even leaves it so without a word.
// https://kubernetes.io/docs/concepts/services-networking/service/#headless-services
Result<std::string> can_become(const json::object& live, const json::object& manifest);
// Lemmy's Service of a target whose deploy has none: it goes on leading requests to its pods. An item of
// drift (docs/api.md), or nullopt. Errors: those of the client.
Task<Result<std::optional<json::object>>> service_left(kube::Client* client, Target target);

}  // namespace lemmy::pods
