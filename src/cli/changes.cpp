#include "cli/changes.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/table.h"

namespace lemmy::cli {

void print_changes(const std::vector<FieldChange>& changes, size_t most) {
  constexpr size_t kWidth = 40;
  Table table({"", "FIELD", "BEFORE", "AFTER", "WHERE FROM"});
  for (size_t i = 0; i < std::min(most, changes.size()); ++i) {
    const FieldChange& c = changes[i];
    const std::string_view sign = !c.change.before ? "+" : !c.change.after ? "-" : "~";
    auto [before, after] = shown_values(c.change, kWidth);
    table.add({std::string(sign), clean(c.object + " " + c.change.path), clean(before), clean(after),
               clean((c.change.after || c.from.empty() ? "" : "was: ") + c.from)});
  }
  table.print();
  if (changes.size() > most) fmt::print("and {} more fields; --output json has all\n", changes.size() - most);
}

}  // namespace lemmy::cli
