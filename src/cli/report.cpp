#include <fmt/format.h>

#include "cli/command.h"

namespace lemmy::cli {

int report(const Error& e) {
  fmt::print(stderr, "error: {}{}{}\n", e.where, e.where.empty() ? "" : ": ", e.what);
  if (!e.detail.empty()) fmt::print(stderr, "{}{}", e.detail, e.detail.back() == '\n' ? "" : "\n");
  if (!e.hint.empty()) fmt::print(stderr, "  -> {}\n", e.hint);
  return exit_code(e.code);
}

int report(const config::Problems& problems) {
  for (const Error& e : problems) report(e);
  return problems.empty() ? 0 : exit_code(problems[0].code);
}

}  // namespace lemmy::cli
