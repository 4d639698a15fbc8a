#include "manifest/managed_fields.h"

#include <fmt/format.h>

#include <algorithm>

namespace lemmy::manifest {
namespace {

// The keys of FieldsV1 that mean this item of a list: v: its value, i: its index, k: its fields of these
// names, which all keys of one list have.
std::vector<std::string> keys_of(const json::object& set, const json::value& item, size_t index) {
  std::vector<std::string> out{"v:" + json::serialize(item), fmt::format("i:{}", index)};
  const auto first = std::ranges::find_if(set, [](const auto& one) { return one.key().starts_with("k:"); });
  if (first == set.end() || !item.is_object()) return out;
  const auto named = parse_json(std::string(first->key().substr(2)), "");
  json::object said;
  if (named && named->is_object())
    for (const auto& [name, value] : named->get_object())
      if (const json::value* has = item.get_object().if_contains(name)) said[name] = *has;
  out.push_back("k:" + json::serialize(said));
  return out;
}

const json::object* below(const json::object& set, const Step& step, const json::value* list) {
  if (!step.in_list) {
    const json::value* v = set.if_contains("f:" + step.key);
    return v ? v->if_object() : nullptr;
  }
  const json::array* items = list ? list->if_array() : nullptr;
  if (!items || step.index >= items->size()) return nullptr;
  for (const std::string& key : keys_of(set, (*items)[step.index], step.index))
    if (const json::value* v = set.if_contains(key)) return v->if_object();
  return nullptr;
}

bool has(const json::object& fields, const json::value& live, const Steps& steps, bool gone) {
  const json::object* set = &fields;
  Steps so_far;
  for (const Step& step : steps) {
    if (gone && step.in_list) return false;  // another item may stand there now
    set = below(*set, step, step.in_list ? value_at(live, so_far) : nullptr);
    if (!set) return false;
    if (set->empty()) return !gone || so_far.size() + 1 < steps.size();  // all of it, whatever is in there
    so_far.push_back(step);
  }
  return !gone;
}

}  // namespace

bool is_of_cluster(const json::object& entry) {
  const std::string_view manager = text_or(entry, "manager");
  return manager == "lemmy" || manager.starts_with("kube-") || manager.ends_with("controller-manager") ||
         !text_or(entry, "subresource").empty();
}

std::string applied_at(const json::value& live) {
  std::string newest;
  const json::value* list = find(live, {"metadata", "managedFields"});
  if (!list || !list->is_array()) return newest;
  for (const json::value& v : list->get_array())
    if (const json::object* e = v.if_object();
        e && text_or(*e, "manager") == "lemmy" && text_or(*e, "operation") == "Apply")
      newest = std::max(newest, std::string(text_or(*e, "time")));
  return newest;
}

const json::object* manager_of(const json::value& live, const Steps& steps, bool gone) {
  const json::value* list = find(live, {"metadata", "managedFields"});
  if (!list || !list->is_array()) return nullptr;
  const json::object* found = nullptr;
  for (const json::value& v : list->get_array()) {
    const json::object* entry = v.if_object();
    if (!entry || !has(object_at(*entry, "fieldsV1"), live, steps, gone)) continue;
    // All are of the API server's clock, in UTC: as texts they compare as times.
    if (!found || text_or(*entry, "time") > text_or(*found, "time")) found = entry;
  }
  return found;
}

}  // namespace lemmy::manifest
