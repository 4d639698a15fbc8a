#include "manifest/embedded.h"
#include "manifest/manifest.h"

namespace lemmy::manifest {

const std::vector<tmpl::Source>& default_standards() {
  static const std::vector<tmpl::Source> all = [] {
    std::vector<tmpl::Source> out;
    for (const Embedded& e : embedded())
      if (e.path.starts_with("standards/")) out.push_back({std::string(e.path), std::string(e.text)});
    return out;
  }();
  return all;
}

}  // namespace lemmy::manifest
