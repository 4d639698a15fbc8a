#pragma once
// Inside room manifest: the parts of the final JSON's rules. Errors have the keys to the fault as `where`,
// joined by line breaks; check_final() makes places of them.
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "manifest/kubernetes_rules.h"

namespace lemmy::manifest {

using Keys = std::vector<std::string>;
using Names = std::set<std::string, std::less<>>;

// Of the final JSON itself: Lemmy's own keys, and the fields of a PodSpec.
const Keys& final_keys();
Keys service_keys();
extern const Keys kAutoscaleKeys;  // keys of an SRE's own may stand beside them

std::unexpected<Error> bad(const Keys& keys, std::string what, std::string hint = "");
std::unexpected<Error> bad(const Keys& keys, const Wrong& wrong);
// invalid: a key that is not one of `known`, with the nearest of them; where none is near, with all of them
// or, in place of a long list, what there is in words.
Result<> check_keys(const json::object& o, const std::vector<std::string>& known, const Keys& where,
                    const std::string& there_are = "");

// `containers` or `initContainers`: makes Kubernetes' lists of `env` objects, and adds to `names`.
Result<> check_containers(json::object& final, const std::string& key, Names& names);
// Makes the list, where it can.
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
Result<> normalise_env(json::object& container, Keys where);

}  // namespace lemmy::manifest
