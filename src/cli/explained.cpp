#include "cli/explained.h"

#include <fmt/format.h>

#include <iostream>

#include "base/strings.h"
#include "cli/table.h"

namespace lemmy::cli {
namespace {

constexpr size_t kRows = 30, kWidth = 40;

std::string cut(const json::object& o, std::string_view key) {
  const json::value* v = find(o, key);
  return v && v->is_string() ? clean(shorten(v->get_string(), kWidth)) : "-";
}

void print_lines(std::FILE* to, const std::string& title, std::string_view log) {
  fmt::print(to, "  {}:\n", title);
  for (std::string_view line : split(log, '\n'))
    if (!line.empty()) fmt::print(to, "  | {}\n", clean(line));
}

void print_log(std::FILE* to, const json::object& log, const std::string& container) {
  const char* of = bool_or(log, "previous") ? " before its restart" : "";
  const std::string_view first = text_or(log, "first"), last = text_or(log, "last");
  if (last.empty()) {
    print_lines(to, fmt::format("log of {}{}", container, of), first);
    return;
  }
  print_lines(to, fmt::format("first lines of {}{}", container, of), first);
  print_lines(to, fmt::format("last lines of {}{}", container, of), last);
}

void print_role(std::FILE* to, const json::object& failure, const json::object& role, bool with_logs) {
  const json::object& sample = object_in(role, "sample");
  const std::string node = field(sample, "node");
  fmt::print(to, "\n{} of {} pods: {}\n  for example {}{}\n", field(role, "pods"), field(failure, "pods"),
             field(role, "summary"), field(sample, "name"), node.empty() ? "" : " on " + node);
  for (const json::value& v : array_in(sample, "containers")) {
    const json::object& c = v.as_object();
    std::string text = field(c, "state");
    for (const char* key : {"reason", "last_reason"})
      if (std::string more = field(c, key); !more.empty())
        text += (std::string_view(key) == "reason" ? ", " : ", before: ") + more;
    if (std::string code = field(c, "exit_code"); !code.empty()) text += ", exit code " + code;
    if (int_or(c, "restarts") > 0) text += fmt::format(", restarts {}", int_or(c, "restarts"));
    fmt::print(to, "  container {}: {}\n", field(c, "name"), text);
  }
  if (!with_logs) return;
  for (const json::value& log : array_in(role, "logs"))
    print_log(to, log.as_object(), field(role, "container"));
}

void print_build(std::FILE* to, const char* name, const json::object& side) {
  const std::string message = field(side, "message"), url = field(side, "url");
  fmt::print(to, "  {:<6} {} {}{}{}\n", name, field(side, "short_sha"), field(side, "branch"),
             message.empty() ? "" : "  " + clean(split(message, '\n').front()),
             url.empty() ? "" : "  " + url);
}

void print_version(std::FILE* to, const char* name, const json::object& version) {
  const std::string state = field(version, "state");
  if (state != "none") fmt::print(to, "  {}: {}\n", name, state == "unknown" ? "not known" : state);
}

// `objects`: ConfigMap and Secret too; they do not stand elsewhere.
void print_difference(std::FILE* to, const json::object& d, bool objects) {
  const json::object& build = object_in(d, "build");
  fmt::print(to, "  {}\n", field(d, "summary"));
  if (!bool_or(build, "same")) {
    print_build(to, "before", object_in(build, "before"));
    print_build(to, "after", object_in(build, "after"));
    if (std::string url = field(build, "compare_url"); !url.empty()) fmt::print(to, "  commits: {}\n", url);
  }
  if (objects) {
    print_version(to, "ConfigMap", object_in(d, "config_map"));
    print_version(to, "Secret", object_in(d, "secret"));
  }
  const json::array& fields = array_in(d, "fields");
  if (fields.empty()) return;
  Table table({"", "FIELD", "BEFORE", "AFTER", "WHERE FROM"});
  for (size_t i = 0; i < std::min(kRows, fields.size()); ++i) {
    const json::object& f = fields[i].as_object();
    const std::string change = field(f, "change");
    table.add({change == "added"     ? "+"
               : change == "removed" ? "-"
                                     : "~",
               field(f, "object") + " " + field(f, "path"), cut(f, "before"), cut(f, "after"),
               (change == "removed" && !field(f, "from").empty() ? "was: " : "") + field(f, "from")});
  }
  fmt::print(to, "{}", table.text(colour_wanted(fileno(to)), terminal_columns(fileno(to))));
  const int64_t more = int_or(d, "left_out") + static_cast<int64_t>(fields.size()) -
                       static_cast<int64_t>(std::min(kRows, fields.size()));
  if (more > 0) fmt::print(to, "and {} more fields\n", more);
}

}  // namespace

void print_failure(std::FILE* to, const json::object& failure, bool with_logs) {
  const json::object& cause = object_in(failure, "cause");
  if (!cause.empty()) fmt::print(to, "cause: {}\n", field(cause, "summary"));
  if (!field(cause, "message").empty()) fmt::print(to, "  {}\n", field(cause, "message"));
  if (!field(cause, "hint").empty()) fmt::print(to, "  -> {}\n", field(cause, "hint"));
  const json::object& drift = object_in(failure, "drift");
  if (!field(drift, "text").empty())
    fmt::print(to, "in the cluster: {}: lemmy status {} {} {}\n", clean(field(drift, "text")),
               clean(field(failure, "project")), clean(field(failure, "environment")),
               int_or(drift, "number"));
  const json::array& roles = array_in(failure, "roles");
  for (const json::value& role : roles) print_role(to, failure, role.as_object(), with_logs);
  if (int64_t more = int_or(failure, "roles_left_out"); more > 0)
    fmt::print(to, "other pods fail in {} more ways\n", more);
  if (std::string_view log = text_or(cause, "log_tail"); with_logs && roles.empty() && !log.empty())
    print_lines(to, "last lines of " + field(cause, "pod"), log);
  const json::object& difference = object_in(failure, "difference");
  if (difference.empty()) {
    fmt::print(to, "\n{}\n", field(failure, "why"));
  } else {
    fmt::print(to, "\nwhat differs from #{}, the last good deploy:\n", field(failure, "last_good"));
    print_difference(to, difference, true);
  }
}

void print_preview(std::FILE* to, const json::object& preview) {
  const json::object &deploy = object_in(preview, "to"), &serving = object_in(preview, "serving");
  fmt::print(to, "{}/{}: roll back to #{}, build {}{}\n", field(deploy, "project"),
             field(deploy, "environment"), field(deploy, "number"), field(deploy, "short_sha"),
             serving.empty() ? ""
                             : fmt::format("; #{} of build {} serves now", field(serving, "number"),
                                           field(serving, "short_sha")));
  if (!bool_or(preview, "possible")) fmt::print(to, "It cannot be done now: {}.\n", field(preview, "why"));
  for (const json::value& line : array_in(preview, "lines"))
    if (line.is_string()) fmt::print(to, "{}\n", clean(line.get_string()));
  const json::object& difference = object_in(preview, "difference");
  if (difference.empty()) return;
  fmt::print(to, "what would differ from now:\n");
  print_difference(to, difference, false);
}

bool says_yes(const std::string& question) {
  fmt::print(stderr, "{} [y/N] ", question);
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace lemmy::cli
