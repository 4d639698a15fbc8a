#pragma once
// What differs between two deploys of a target: their builds, fields, images, ConfigMap and Secret. For the
// explanation of a failure (against the last good deploy) and for the preview of a roll back (against what
// serves).
#include "deploy/made.h"
#include "manifest/compare.h"

namespace lemmy::deploy {

// Of a version that is empty where there is none: "none", "same", "added", "removed" or "changed"; "unknown"
// when one is kUnknownSecret.
std::string_view change_of(const std::string& before, const std::string& after);

// The newest earlier deploy of the target that went live; nullopt: none among the newest 2000.
Task<Result<std::optional<Deploy>>> last_good(store::Store* store, Target target, int64_t number);

// {"build": {"same", "before": side, "after": side, "compare_url"}, with side = {"number", "sha",
//    "short_sha", "branch", "url", "author", "message", "live_since"|null},
//  "fields": [{"object", "path", "change": "added | removed | changed", "before", "after", "from",
//    "by_build"}]: at most 200, values as texts of at most 400 bytes, "left_out": how many more,
//  "fields_why": why there are none to compare; else empty,
//  "images": manifest/compare.h,
//  "config_map" and "secret": {"state": of change_of(), "before", "after"},
//  "summary": one sentence}
// Pure; takes some milliseconds: for the pool. Texts that do not parse count as not kept.
json::object difference(const Made& before, const Made& after);

// {"last_good": its number | null, "difference": difference() from it | null, "why": why there is none}
// Never fails: what cannot be read is said in "why". `pool`: for difference().
Task<json::object> since_last_good(store::Store* store, Pool* pool, Made made);

// Where both commits can be seen together, when both URLs end in /commit/SHA of the same repository, as on
// GitHub, GitLab, Gitea and Forgejo; else empty.
std::string compare_url(const std::string& before, const std::string& after);

}  // namespace lemmy::deploy
