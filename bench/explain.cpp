// An ordinary render beside an explained one, for each sample project: ninja -C build explain_bench, then
// build/explain_bench [CONFIG].
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "manifest/explain.h"

using namespace lemmy;

namespace {

// The median of so many runs, in microseconds.
template <class Work>
double median(int runs, Work work) {
  std::vector<double> all;
  for (int i = 0; i < runs; ++i) {
    const auto start = std::chrono::steady_clock::now();
    work();
    all.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count());
  }
  std::nth_element(all.begin(), all.begin() + all.size() / 2, all.end());
  return all[all.size() / 2];
}

}  // namespace

int main(int count, char** arguments) {
  auto config = config::load(count > 1 ? arguments[1] : "share/playground/config");
  if (!config) return 2;
  for (const auto& [name, project] : (*config)->projects) {
    auto renderer = manifest::Renderer::create(**config, project);
    for (const auto& e : project.environments) {
      if (e.deployer != Deployer::kubernetes || !renderer) continue;
      const Build build{name, "0123456789abcdef", "main"};
      size_t bytes = 0;
      const double plain = median(300, [&] { bytes += (*renderer)->render(e.name, build, 1)->rc.size(); });
      const double explained =
          median(30, [&] { bytes += (*renderer)->explain(e.name, build, 1)->objects.size(); });
      auto document = json::serialize(to_json(*(*renderer)->explain(e.name, build, 1)));
      fmt::print("{:<12} {:<11} render {:6.0f} us  explain {:7.0f} us  ratio {:4.0f}  document {} bytes\n",
                 name, e.name, plain, explained, explained / plain, document.size());
    }
  }
}
