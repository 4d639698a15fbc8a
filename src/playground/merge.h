#pragma once
// Inside room playground: how server-side apply and patches combine objects. Pure.
// https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
#include <string>
#include <vector>

#include "base/json.h"

namespace lemmy::playground {

// RFC 7396.
void merge_patch(json::value& target, const json::value& patch);

// What a manager says now, over what is there. Lists of named things (containers, env, ports, volumes...) are
// merged item by item, other lists are replaced. With `before`, what the manager said last time and does not
// say now is taken away. With `null_removes`, null takes a field away: strategic merge patches.
void apply_over(json::object& live, const json::object& now, const json::object* before,
                bool null_removes = false);

// Fields that `now` would set to something else than `other` owns; as ".spec.replicas".
std::vector<std::string> conflicts(const json::object& now, const json::object& other);

}  // namespace lemmy::playground
