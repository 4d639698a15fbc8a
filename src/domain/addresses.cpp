#include "domain/addresses.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace lemmy {

std::string target_address(const Target& t) {
  return fmt::format("/projects/{}/environments/{}", t.project, t.environment);
}

std::string deploy_address(const Target& t, int64_t number) {
  return fmt::format("{}/deploys/{}", target_address(t), number);
}

std::optional<int64_t> deploy_number(std::string_view text) {
  const auto n = whole_number(text);
  return n && *n >= 1 ? n : std::nullopt;
}

}  // namespace lemmy
