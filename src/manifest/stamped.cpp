#include "manifest/stamped.h"

#include <algorithm>

namespace lemmy::manifest {
namespace {

bool is_item_name(const Steps& s) {
  return s.size() >= 2 && s.back().key == "name" && s[s.size() - 2].in_list;
}

// Another value in every field. Names of list items stay: by them the stamps find what they replace.
void spoil(json::value& document) {
  for (const Field& f : fields(document)) {
    if (is_item_name(f.steps) || f.value.is_object() || f.value.is_array()) continue;
    *value_at(document, f.steps) = f.value.is_string() ? json::value(shown_value(f.value) + "?") : "?";
  }
}

}  // namespace

std::string rule_of(const Steps& steps) {
  auto within = [&](std::initializer_list<std::string_view> keys) {
    size_t at = 0;
    for (std::string_view key : keys) {
      while (at < steps.size() && steps[at].key != key) ++at;
      if (at++ == steps.size()) return false;
    }
    return true;
  };
  if (within({"metadata", "labels"})) return "labels";
  if (within({"metadata", "namespace"})) return "namespace";
  if (within({"metadata", "name"})) return "name";
  if (within({"spec", "selector"})) return "selector";
  if (within({"spec", "scaleTargetRef"})) return "scale target";
  if (within({"volumeMounts"})) return "mounts";
  if (within({"env"})) return "variables";
  if (within({"volumes"})) return "volumes";
  return "object";
}

std::map<Steps, std::string> stamped_fields(const json::value& rendered, const Part& part,
                                            const Stamp& stamp) {
  json::value plain = rendered, spoilt = rendered;
  spoil(spoilt);
  part.stamp(plain.get_object(), stamp);
  part.stamp(spoilt.get_object(), stamp);
  std::map<Steps, std::string> out;
  std::vector<Steps> names, kept;
  for (const Field& f : fields(plain)) {
    const bool container = f.value.is_object() || f.value.is_array();
    const json::value* now = value_at(spoilt, f.steps);
    if (is_item_name(f.steps))
      names.push_back(f.steps);
    else if (now && *now == f.value && !container)
      out[f.steps] = rule_of(f.steps);
    else
      kept.push_back(f.steps);
  }
  // An item's name is a stamp when the rest of the item is.
  for (const Steps& name : names) {
    auto in_item = [&](const Steps& s) {
      return s.size() >= name.size() && std::equal(name.begin(), name.end() - 1, s.begin());
    };
    if (std::none_of(kept.begin(), kept.end(), in_item) &&
        std::any_of(out.begin(), out.end(), [&](const auto& entry) { return in_item(entry.first); }))
      out[name] = rule_of(name);
  }
  return out;
}

}  // namespace lemmy::manifest
