#include <algorithm>
#include <chrono>

#include "manifest/manifest.h"

namespace lemmy::manifest {

Build sample_build(const std::string& project) {
  Build b;
  b.project = project;
  b.sha = "0123456789abcdef0123456789abcdef01234567";
  b.branch = "main";
  return b;
}

std::vector<Error> render_faults(const config::Config& config, std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  std::vector<Error> out;
  auto add = [&](Error e) {
    if (std::ranges::find(out, e) == out.end()) out.push_back(std::move(e));
  };
  for (const auto& [name, project] : config.projects) {
    auto on_pods = [](const config::ProjectEnvironment& e) { return e.deployer == Deployer::kubernetes; };
    if (std::ranges::none_of(project.environments, on_pods)) continue;
    auto renderer = Renderer::create(config, project);
    if (!renderer) {
      add(renderer.error());
      continue;
    }
    for (const config::ProjectEnvironment& e : project.environments) {
      if (!on_pods(e) || std::chrono::steady_clock::now() > until) continue;
      if (auto m = (*renderer)->render(e.name, sample_build(name), 1); !m) add(m.error());
    }
  }
  return out;
}

}  // namespace lemmy::manifest
