#include <fmt/format.h>

#include "base/printable.h"
#include "cli/command.h"

namespace lemmy::cli {

int report(const Error& e) {
  fmt::print(stderr, "error: {}{}{}\n", printable(e.where), e.where.empty() ? "" : ": ", printable(e.what));
  if (!e.detail.empty()) fmt::print(stderr, "{}{}", printable(e.detail), e.detail.back() == '\n' ? "" : "\n");
  if (!e.hint.empty()) fmt::print(stderr, "  -> {}\n", printable(e.hint));
  return exit_code(e.code);
}

int report(const config::Problems& problems) {
  for (const Error& e : problems) report(e);
  return problems.empty() ? 0 : exit_code(problems[0].code);
}

}  // namespace lemmy::cli
