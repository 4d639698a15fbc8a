// Who gets the requests, which is not always who serves.
#include <fmt/format.h>

#include <map>

#include "base/strings.h"
#include "live/view.h"

namespace lemmy::live {
namespace {

std::string pods_text(int64_t n) { return fmt::format("{} pod{}", n, n == 1 ? "" : "s"); }

std::string in_words(const std::map<int64_t, int64_t>& pods, int64_t serving) {
  std::string out;
  if (pods.empty()) {
    out = "Nobody answers requests now";
  } else if (pods.size() == 1) {
    out = fmt::format("#{} answers requests, with {}", pods.begin()->first, pods_text(pods.begin()->second));
  } else {
    std::vector<std::string> each;
    int64_t all = 0;
    for (const auto& [number, n] : pods) {
      each.push_back(fmt::format("#{} with {}", number, n));
      all += n;
    }
    out = fmt::format("{} answer requests: {}", pods_text(all), join(each, ", "));
  }
  if (serving != 0 && !pods.contains(serving)) out += fmt::format("; #{}, which serves, does not", serving);
  return out + ".";
}

}  // namespace

json::value answers_json(const kube::Cluster* cluster, const Target& target, const Deploy* serving) {
  const auto answering = cluster ? cluster->answering(target) : std::nullopt;
  if (!answering) return nullptr;
  std::map<int64_t, int64_t> pods;
  for (const kube::Pod* p : *answering) ++pods[p->meta.deploy];
  const int64_t serves = serving ? serving->number : 0;
  json::array deploys;
  for (const auto& [number, n] : pods)
    deploys.push_back({{"number", number}, {"pods", n}, {"serving", number == serves}});
  return json::object{{"deploys", std::move(deploys)}, {"text", in_words(pods, serves)}};
}

}  // namespace lemmy::live
