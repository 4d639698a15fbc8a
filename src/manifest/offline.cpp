#include "manifest/offline.h"

#include <fmt/format.h>

#include <algorithm>

#include "manifest/compare.h"
#include "manifest/kubernetes_schema.h"

namespace lemmy::manifest {
namespace {

// The first field in there: its path, and how that begins for people.
const Field* first_below(const std::vector<Field>& all, const Steps& steps) {
  const auto found = std::ranges::find_if(all, [&](const Field& f) {
    return f.steps.size() >= steps.size() && std::equal(steps.begin(), steps.end(), f.steps.begin());
  });
  return found == all.end() ? nullptr : &*found;
}

const Place* written(const Explanation& explained, std::string_view object, std::string_view path) {
  for (const Explained& e : explained.objects) {
    if (e.object != object) continue;
    for (const Origin& o : e.fields)
      if (o.path == path && !o.written.empty()) return &o.written.front();
  }
  return nullptr;
}

// Of what the final JSON has, its own line: an empty value is not followed through the standard.
std::string place_of(const Explanation& explained, std::string_view object, std::string_view path) {
  constexpr std::string_view kPod = "spec.template.spec.";
  const Place* p = written(explained, object, path);
  if (path.starts_with(kPod) && (!p || p->built_in || p->file.starts_with("standards/")))
    if (const Place* own = written(explained, "final", path.substr(kPod.size()))) p = own;
  return p ? fmt::format("{}{}:{}:{}", p->built_in ? "built-in " : "", p->file, p->line, p->column) : "";
}

}  // namespace

std::vector<OfflineFault> offline_faults(const Renderer& renderer, const Manifests& m,
                                         const std::string& environment, const Build& build, int64_t deploy) {
  std::vector<OfflineFault> out;
  std::optional<Explanation> explained;
  for (const auto& [kind, manifest] : by_kind(m)) {
    const auto faults = schema_faults(manifest.get_object());
    if (faults.empty()) continue;
    if (!explained)
      if (auto e = renderer.explain(environment, build, deploy)) explained = std::move(*e);
    const std::vector<Field> all = fields(manifest);
    for (const SchemaFault& f : faults) {
      const Field* at = first_below(all, f.steps);
      const std::string place = at && explained ? place_of(*explained, kind, at->path) : "";
      const std::string path = at && at->steps == f.steps ? at->path : index_path(f.steps);
      std::string what =
          fmt::format("{}{}{}: {}", std::string_view(kind), path.empty() ? "" : ", ", path, f.what);
      out.push_back(
          {{ErrorCode::invalid, place.empty() ? "manifests" : place, std::move(what), f.hint}, f.unknown});
    }
  }
  return out;
}

}  // namespace lemmy::manifest
