#include "cli/hosts_shown.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "cli/remote.h"
#include "cli/table.h"

namespace lemmy::cli {
namespace {

constexpr size_t kMostWell = 20;

int rank(const json::object& h) {
  const std::string state = field(h, "state");
  if (state == "failed" || state == "unreachable") return 0;
  if (state == "running") return 1;
  return state == "waiting" || !bool_or(h, "complete", true) ? 2 : 3;
}

}  // namespace

void print_hosts(std::FILE* to, const json::object& hosts) {
  std::vector<const json::object*> all;
  for (const json::value& v : array_in(hosts, "hosts"))
    if (v.is_object()) all.push_back(&v.get_object());
  std::ranges::sort(all, {}, [](const json::object* h) { return std::pair(rank(*h), field(*h, "name")); });
  Table table({"HOST", "STATE", "TASK", ""});
  size_t well = 0;
  for (const json::object* h : all)
    if (rank(*h) < 3 || ++well <= kMostWell)
      table.add({field(*h, "name"), field(*h, "state"), field(*h, "task"), field(*h, "message")});
  if (table.empty()) return;
  fmt::print(to, "{}", table.text(colour_wanted(fileno(to)), terminal_columns(fileno(to))));
  if (well > kMostWell) fmt::print(to, "and {} more that are well\n", well - kMostWell);
}

std::string run_line(const json::object& hosts) {
  const std::string task = field(hosts, "task");
  if (task.empty() || bool_or(hosts, "finished")) return {};
  std::vector<std::string> counts;
  for (const auto& [state, n] : object_in(hosts, "counts"))
    if (n.is_int64()) counts.push_back(fmt::format("{} {}", n.get_int64(), clean(state)));
  return fmt::format("task '{}': {}", task, join(counts, ", "));
}

}  // namespace lemmy::cli
