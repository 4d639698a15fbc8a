#include <map>

#include "manifest/compare.h"

namespace lemmy::manifest {
namespace {

std::string_view digest_of(std::string_view reference) {
  const size_t at = reference.find('@');
  return at == reference.npos ? "" : reference.substr(at + 1);
}

std::vector<std::pair<std::string, std::string>> images(const json::array& manifests) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const json::value& m : manifests) {
    if (!m.is_object() || !workload_of_kind(text_or(m.get_object(), "kind"))) continue;
    for (const char* kind : {"initContainers", "containers"}) {
      const json::value* list = find(m, {"spec", "template", "spec", kind});
      if (!list || !list->is_array()) continue;
      for (const json::value& v : list->get_array())
        if (const json::object* c = v.if_object())
          out.emplace_back(text_or(*c, "name"), text_or(*c, "image"));
    }
  }
  return out;
}

std::pair<std::string_view, std::string_view> judged(const std::string& before, const std::string& after) {
  const std::string_view was = digest_of(before), is = digest_of(after);
  if (!was.empty() && was == is) return {"same_digest", "the same image, by its digest"};
  if (!was.empty() && !is.empty()) return {"other_digest", "another image, by its digest"};
  if (before == after) return {"same_tag", "the same tag; what it points to may have changed"};
  return {"other", "another reference"};
}

}  // namespace

json::array compare_images(const json::array& before, const json::array& after) {
  std::map<std::string, std::string> old;
  const auto were = images(before);
  for (const auto& [container, image] : were) old[container] = image;
  json::array out;
  for (const auto& [container, image] : images(after)) {
    auto was = old.find(container);
    if (was == old.end()) {
      out.push_back({{"container", container},
                     {"before", nullptr},
                     {"after", image},
                     {"state", "added"},
                     {"text", "a container that there was not"}});
      continue;
    }
    const auto [state, text] = judged(was->second, image);
    out.push_back({{"container", container},
                   {"before", was->second},
                   {"after", image},
                   {"state", state},
                   {"text", text}});
    old.erase(was);
  }
  for (const auto& [container, image] : were)
    if (old.contains(container))
      out.push_back({{"container", container},
                     {"before", image},
                     {"after", nullptr},
                     {"state", "removed"},
                     {"text", "a container that is not there any more"}});
  return out;
}

}  // namespace lemmy::manifest
