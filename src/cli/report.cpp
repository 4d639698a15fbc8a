#include <fmt/format.h>

#include "base/printable.h"
#include "base/strings.h"
#include "cli/command.h"

namespace lemmy::cli {

CLI::Validator number_from_1() {
  return CLI::Validator(
      [](std::string& text) {
        const auto n = whole_number(text);
        return n && *n >= 1 ? std::string() : "this is no number of a deploy: they count from 1";
      },
      "NUMBER");
}

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

namespace {

json::object as_object(const Error& e) {
  return {{"code", lemmy::name(e.code)},
          {"where", e.where},
          {"what", e.what},
          {"hint", e.hint},
          {"detail", e.detail}};
}

int print_error(json::object o, int code) {
  o["exit_code"] = code;
  fmt::print(stderr, "{}\n", printable_json(json::serialize(o)));
  return code;
}

}  // namespace

int report_json(const Error& e) { return print_error({{"error", as_object(e)}}, exit_code(e.code)); }

int report_json(const config::Problems& problems) {
  if (problems.empty()) return 0;
  json::array all;
  for (const Error& e : problems) all.push_back(as_object(e));
  return print_error({{"error", as_object(problems[0])}, {"problems", std::move(all)}},
                     exit_code(problems[0].code));
}

}  // namespace lemmy::cli
