#include "domain/addresses.h"

#include <fmt/format.h>

#include <charconv>

namespace lemmy {

std::string target_address(const Target& t) {
  return fmt::format("/projects/{}/environments/{}", t.project, t.environment);
}

std::string deploy_address(const Target& t, int64_t number) {
  return fmt::format("{}/deploys/{}", target_address(t), number);
}

std::optional<int64_t> deploy_number(std::string_view text) {
  int64_t n = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size() || n < 1) return std::nullopt;
  return n;
}

}  // namespace lemmy
