// What our account lacks in the cluster: looked for at the start, when that changes, and now and then.
#include <fmt/format.h>

#include "base/log.h"
#include "kube/cluster.h"
#include "kube/rights.h"

namespace lemmy::kube {
namespace {
constexpr milliseconds kLookEvery{600'000}, kTryAgain{30'000};
constexpr size_t kMostNamespaces = 100;
}  // namespace

void Cluster::deployed_to(std::set<std::string> namespaces) {
  if (namespaces == deployed_to_) return;
  deployed_to_ = std::move(namespaces);
  ++rights_asked_;
  look_at_rights_.notify();
}

Task<> Cluster::follow_rights() {
  for (;;) {
    const uint64_t asked = rights_asked_;
    auto missing = co_await find_missing_rights();
    if (missing && *missing != missing_rights_) {
      missing_rights_ = std::move(*missing);
      for (const std::string& right : missing_rights_)
        log::warning("Lemmy's account lacks a right", {{"cluster", name_}, {"what", right}});
      changed_({});
    }
    if (asked == rights_asked_) (void)co_await look_at_rights_.wait(missing ? kLookEvery : kTryAgain);
  }
}

Task<Result<std::vector<std::string>>> Cluster::find_missing_rights() {
  const std::set<Workload> used = followed_;
  const std::vector<Right> watched = watch_rights(used);
  std::vector<std::string> out;
  if (namespaces_.empty()) {
    auto missing = co_await rights_missing(client_, watched, "");
    if (!missing) co_return fail(missing.error());
    out = std::move(*missing);
    if (hidden_) out.emplace_back("get namespaces kube-system: one cluster is told from another");
  }
  std::set<std::string> in = namespaces_;
  in.insert(deployed_to_.begin(), deployed_to_.end());
  size_t looked = 0;
  for (const std::string& ns : in) {
    if (++looked > kMostNamespaces) break;
    std::vector<Right> rights = needed_rights(used);
    if (!namespaces_.empty()) rights.insert(rights.end(), watched.begin(), watched.end());
    auto missing = co_await rights_missing(client_, std::move(rights), ns);
    if (!missing) co_return fail(missing.error());
    out.insert(out.end(), missing->begin(), missing->end());
  }
  co_return out;
}

}  // namespace lemmy::kube
