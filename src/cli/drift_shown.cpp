#include "cli/drift_shown.h"

#include <fmt/format.h>

#include "cli/table.h"

namespace lemmy::cli {

Task<json::object> ask_drift(std::shared_ptr<Remote> remote, Target target) {
  auto found = co_await remote->get(target_path(target) + "/drift");
  if (found && found->is_object()) co_return std::move(found->get_object());
  std::string why = found ? "the server's answer is no drift" : found.error().str();
  co_return json::object{{"complete", false}, {"error", std::move(why)}};
}

void print_drift(const json::object& drift) {
  if (const std::string error = field(drift, "error"); !error.empty()) {
    fmt::print("what is in the cluster is not known: {}\n", clean(error));
    return;
  }
  const json::array& items = array_in(drift, "items");
  const json::array& unasked = array_in(drift, "unasked");
  const json::array& refused = array_in(drift, "refused");
  const int64_t number = int_or(drift, "number"), compared = int_or(drift, "compared");
  if (!items.empty())
    fmt::print("in the cluster, not as #{} was applied:\n", number);
  else if (unasked.empty())
    fmt::print("in the cluster: as #{} was applied ({} object{} compared)\n", number, compared,
               compared == 1 ? "" : "s");
  else
    fmt::print("in the cluster: {} object{} of #{} compared, and not all\n", compared,
               compared == 1 ? "" : "s", number);
  for (const json::value& v : items) fmt::print("  {}\n", clean(field(v.as_object(), "text")));
  if (const int64_t more = int_or(drift, "left_out"); more > 0) fmt::print("  and {} more\n", more);
  for (const json::value& v : unasked)
    fmt::print("  {} {}: not known: {}\n", clean(field(v.as_object(), "kind")),
               clean(field(v.as_object(), "name")), clean(field(v.as_object(), "why")));
  for (const json::value& v : refused)
    fmt::print("  {} {}: it could not be applied anew, and only what its manifest names was compared: {}\n",
               clean(field(v.as_object(), "kind")), clean(field(v.as_object(), "name")),
               clean(field(v.as_object(), "why")));
}

void print_drift_seen(const json::object& drift) {
  if (field(drift, "text").empty()) return;
  fmt::print("{}:\n", clean(field(drift, "text")));
  for (const json::value& v : array_in(drift, "items"))
    if (v.is_object()) fmt::print("  {}\n", clean(field(v.get_object(), "text")));
  if (const int64_t more = int_or(drift, "left_out"); more > 0) fmt::print("  and {} more\n", more);
  if (!field(drift, "hint").empty()) fmt::print("  -> {}\n", clean(field(drift, "hint")));
}

}  // namespace lemmy::cli
