#pragma once
// What templates are given beside the board's JSON. Pure.
#include "route/router.h"

namespace lemmy::web {

// Key "page" of every context: path, csrf, who, assets, live (the page as its stream names it; empty: it does
// not keep itself fresh), fragment, after, next, curl, instance_curl, login.
json::object page_json(const route::Call& call, std::string csrf, std::string live, bool fragment);
// Whether a deployer's action on the target is allowed: {"ok", "why"}.
json::object may_json(const access::Identity& who, const config::Config& config, const Target& target);
// The phases queued to live: [{"name", "title", "state": done | current | failed | stopped | ahead}].
json::array steps(const json::object& deploy, const json::array& history);
// `next` when it is a path on this server, else "/": no open redirects.
std::string local_path(std::string_view next);
// Lines of a unified diff: [{"kind": "same | gone | new | gap", "text"}].
json::array unified_lines(std::string_view diff);
// The document "origins" for people: {"revision", "complete", "objects": [{"name", "rows": [{"path", "value",
// "from"}]}]}; null when it is not one.
json::value origins_json(const std::string& document);
// JSON made readable; other texts as they are.
std::string readable(const std::string& document);

}  // namespace lemmy::web
