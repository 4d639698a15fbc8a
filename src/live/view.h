#pragma once
// Inside room live: parts of the board that need no store. Pure.
#include "live/board.h"
#include "pods/picture.h"

namespace lemmy::live {

using pods::age;
using pods::events_json;
using pods::pod_json;
using pods::without_names;

json::object store_json(const std::optional<StoreTrouble>& trouble);
json::value error_json(const std::optional<Error>& e);
json::array links_json(const config::Project* project);  // nullptr: none
// "answers" of Board::status().
json::value answers_json(const kube::Cluster* cluster, const Target& target, const Deploy* serving);
// Numbers in "answers", lowest first; none when that is null.
std::vector<int64_t> answering(const json::value& answers);
// "#1, #2 and #3".
std::string numbers_text(const std::vector<int64_t>& numbers);
json::value autoscaler_json(const kube::Autoscaler* hpa);
std::string release_url(const std::string& project, const std::string& id);

}  // namespace lemmy::live
