#pragma once
// A project of the docs' example whose template tests replace.
#include <gtest/gtest.h>

#include "base/files.h"
#include "base/source_dir_test.h"
#include "manifest/manifest.h"

namespace lemmy::manifest {

inline const Build kBuild{"hello-world", "0123456789abcdef0123", "feature/x",
                          "registry.example.com/hello@sha256:1"};

struct Render : testing::Test {
  std::shared_ptr<const config::Config> config =
      *config::load(std::filesystem::path(kSourceDir) / "docs/examples/config");
  config::Project project = *config->project("hello-world");

  void use(const std::string& text) {
    for (auto& f : project.templates)
      if (f.name == "template.json.j2") f.text = text;
  }
  Result<Manifests> render(const std::string& environment = "production", int64_t n = 7,
                           const Build& build = kBuild) {
    auto r = Renderer::create(*config, project);
    if (!r) return fail(r.error());
    return (*r)->render(environment, build, n);
  }
  static json::value at(const json::value& v, std::initializer_list<std::string_view> path) {
    const json::value* found = find(v, path);
    return found ? *found : json::value("missing");
  }
};

}  // namespace lemmy::manifest
