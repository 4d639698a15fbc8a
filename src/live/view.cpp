#include "live/view.h"

#include <fmt/format.h>

namespace lemmy::live {

json::array links_json(const config::Project* p) {
  json::array out;
  if (p)
    for (const config::Link& l : p->links) out.push_back({{"title", l.title}, {"url", l.url}});
  return out;
}

json::value error_json(const std::optional<Error>& e) {
  if (!e) return nullptr;
  return json::object{{"where", e->where}, {"what", e->what}, {"hint", e->hint}};
}

std::string release_url(const std::string& project, const std::string& id) {
  return fmt::format("/projects/{}/releases/{}", project, id);
}

json::value autoscaler_json(const kube::Autoscaler* hpa) {
  if (!hpa) return nullptr;
  auto maybe = [](const std::optional<int>& n) { return n ? json::value(*n) : json::value(nullptr); };
  return json::object{{"min", hpa->min},         {"max", hpa->max},
                      {"current", hpa->current}, {"desired", hpa->desired},
                      {"cpu", maybe(hpa->cpu)},  {"cpu_target", maybe(hpa->cpu_target)},
                      {"trouble", hpa->trouble}};
}

}  // namespace lemmy::live
