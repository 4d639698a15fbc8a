#include "domain/names.h"

#include <fmt/format.h>

namespace lemmy {
namespace {
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_lower(c) || is_digit(c) || (c >= 'A' && c <= 'Z'); }

bool is_label(std::string_view s, size_t most) {
  if (s.empty() || s.size() > most || s.front() == '-' || s.back() == '-') return false;
  for (char c : s)
    if (!is_lower(c) && !is_digit(c) && c != '-') return false;
  return true;
}
}  // namespace

Result<> check_project_name(std::string_view name) {
  if (is_label(name, 40) && is_lower(name.front())) return {};
  return fail(
      ErrorCode::invalid, "project", fmt::format("'{}' is not a project name", name.substr(0, 80)),
      "use 1 to 40 lower-case letters, digits and '-', starting with a letter and not ending with '-'");
}

Result<> check_environment_name(std::string_view name) {
  if (is_label(name, 63)) return {};
  return fail(ErrorCode::invalid, "environment",
              fmt::format("'{}' is not an environment name", name.substr(0, 80)),
              "use 1 to 63 lower-case letters, digits and '-'; it is the Kubernetes namespace");
}

Result<> check_sha(std::string_view sha) {
  bool ok = sha.size() >= 7 && sha.size() <= 64;  // git's SHA-256 objects
  for (char c : sha) ok = ok && (is_digit(c) || (c >= 'a' && c <= 'f'));
  if (ok) return {};
  return fail(ErrorCode::invalid, "sha", fmt::format("'{}' is not a build sha", sha.substr(0, 80)),
              "use 7 to 64 lower-case hex digits, as git prints them");
}

std::string label_value(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, 63)) out += is_alnum(c) || c == '-' || c == '_' || c == '.' ? c : '-';
  while (!out.empty() && !is_alnum(out.back())) out.pop_back();
  size_t first = 0;
  while (first < out.size() && !is_alnum(out[first])) ++first;
  return out.substr(first);
}

std::string object_name(std::string_view project, std::string_view sha, int64_t number) {
  std::string n = std::to_string(number);
  size_t room = 63 - project.size() - n.size() - 2;
  size_t digits = std::max<size_t>(7, std::min<size_t>(12, room));
  return fmt::format("{}-{}-{}", project, sha.substr(0, digits), n);
}

}  // namespace lemmy
