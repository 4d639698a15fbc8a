#include "manifest/kubernetes_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/strings.h"
#include "manifest/kubernetes_schema.h"

namespace lemmy::manifest {
namespace {

constexpr double kMostCpus = 10'000;

bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_name(std::string_view s) {
  return !s.empty() && s.size() <= 63 && is_alnum(s.front()) && is_alnum(s.back()) &&
         std::ranges::all_of(s, [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_dns_name(std::string_view s) {
  if (s.empty() || s.size() > 253) return false;
  return std::ranges::all_of(split(s, '.'), [](std::string_view part) {
    return !part.empty() && part.size() <= 63 && part.front() != '-' && part.back() != '-' &&
           std::ranges::all_of(
               part, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
  });
}

// "", "k", "Mi"...
std::optional<double> factor(std::string_view suffix) {
  if (suffix.empty()) return 1;
  constexpr std::string_view tens = "num.kMGTPE";  // 10^-9, 10^-6, 10^-3, 1, 10^3 ...
  if (suffix.size() == 1 && suffix != ".")
    if (const size_t at = tens.find(suffix[0]); at != tens.npos)
      return std::pow(10, 3 * (static_cast<int>(at) - 3));
  constexpr std::string_view twos = "KMGTPE";
  if (suffix.size() == 2 && suffix[1] == 'i')
    if (const size_t at = twos.find(suffix[0]); at != twos.npos)
      return std::pow(1024, static_cast<int>(at) + 1);
  return std::nullopt;
}

}  // namespace

std::optional<Wrong> wrong_key(std::string_view key) {
  const size_t slash = key.find('/');
  const std::string_view name = slash == key.npos ? key : key.substr(slash + 1);
  if (slash != key.npos && !is_dns_name(key.substr(0, slash)))
    return Wrong{"what stands before its '/' is not a DNS name", "such as example.com/name"};
  if (!is_name(name))
    return Wrong{"its name is not one that Kubernetes takes",
                 "1 to 63 letters, digits, '-', '_' and '.', with a letter or digit at both ends"};
  return std::nullopt;
}

std::optional<Wrong> wrong_label_value(std::string_view value) {
  if (value.empty() || is_name(value)) return std::nullopt;
  return Wrong{value.size() > 63 ? fmt::format("it has {} characters, and a label at most 63", value.size())
                                 : fmt::format("'{}' is not a label's value", shorten(value, 80)),
               "letters, digits, '-', '_' and '.', with a letter or digit at both ends; an annotation may "
               "have any text"};
}

std::optional<double> quantity(std::string_view text) {
  double number = 0;
  const bool sign = text.starts_with('+') || text.starts_with('-');
  const bool negative = text.starts_with('-');
  if (sign) text.remove_prefix(1);
  // No sign again, nor "inf", nor "0x".
  if (text.empty() || !(text[0] == '.' || (text[0] >= '0' && text[0] <= '9'))) return std::nullopt;
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  auto [end, ec] = std::from_chars(text.data(), text.data() + digits, number, std::chars_format::fixed);
  if (ec != std::errc() || end != text.data() + digits) return std::nullopt;
  std::string_view suffix = text.substr(digits);
  double by = 1;
  if (suffix.size() > 1 && (suffix[0] == 'e' || suffix[0] == 'E') && suffix[1] != 'i') {
    std::string_view exponent = suffix.substr(1);
    if (exponent.starts_with('+')) exponent.remove_prefix(1);
    int power = 0;
    auto [stop, bad] = std::from_chars(exponent.data(), exponent.data() + exponent.size(), power);
    if (bad != std::errc() || stop != exponent.data() + exponent.size()) return std::nullopt;
    by = std::pow(10, power);
  } else if (auto known = factor(suffix)) {
    by = *known;
  } else {
    return std::nullopt;
  }
  return (negative ? -1 : 1) * number * by;
}

std::optional<Wrong> wrong_quantity(std::string_view resource, std::string_view text) {
  const auto n = quantity(text);
  if (!n)
    return Wrong{fmt::format("'{}' is not a quantity", shorten(text, 80)),
                 resource == "cpu" ? "such as 500m or 2" : "such as 256Mi or 1Gi"};
  if (*n < 0) return Wrong{fmt::format("'{}' is below 0", text), ""};
  const bool bytes =
      resource == "memory" || resource == "ephemeral-storage" || resource.starts_with("hugepages-");
  // 1.2Gi is no whole number either, and what people write.
  if (bytes && std::string_view("num0123456789.").contains(text.back()) && *n != std::floor(*n))
    return Wrong{fmt::format("'{}' is {} bytes", text, *n),
                 fmt::format("did you mean '{}Mi'?", text.substr(0, text.find_first_not_of("0123456789.")))};
  if (resource == "cpu" && *n > kMostCpus)
    return Wrong{fmt::format("'{}' is {:.0f} CPUs", text, *n),
                 fmt::format("did you mean '{}m'?", text.substr(0, text.find_first_not_of("0123456789.")))};
  return std::nullopt;
}

std::optional<Wrong> wrong_variable(std::string_view name) {
  if (name.empty()) return Wrong{"an environment variable has no name", ""};
  const bool fine = std::ranges::all_of(name, [](char c) { return c >= 0x20 && c < 0x7f && c != '='; });
  if (fine) return std::nullopt;
  return Wrong{fmt::format("'{}' is not the name of an environment variable", shorten(name, 80)),
               "printable ASCII without '='"};
}

std::vector<std::string_view> references(std::string_view value) {
  std::vector<std::string_view> out;
  for (size_t at = value.find('$'); at != value.npos && at + 1 < value.size(); at = value.find('$', at)) {
    const size_t end = value[at + 1] == '(' ? value.find(')', at) : value.npos;
    if (end != value.npos) out.push_back(value.substr(at + 2, end - at - 2));
    at = end != value.npos ? end : at + (value[at + 1] == '$' ? 2 : 1);
  }
  return out;
}

std::optional<Wrong> wrong_part_name(std::string_view name) {
  if (name.size() <= 63 && !name.contains('.') && is_dns_name(name)) return std::nullopt;
  return Wrong{fmt::format("'{}' is not a name that Kubernetes takes here", shorten(name, 80)),
               "1 to 63 lower-case letters, digits and '-', with a letter or digit at both ends"};
}

std::optional<Wrong> wrong_port_name(std::string_view name) {
  const bool letters = std::ranges::any_of(name, [](char c) { return c >= 'a' && c <= 'z'; });
  if (name.size() <= 15 && !name.contains('.') && !name.contains("--") && is_dns_name(name) && letters)
    return std::nullopt;
  return Wrong{fmt::format("'{}' is not the name of a container's port", shorten(name, 80)),
               "1 to 15 lower-case letters, digits and '-', at least one of them a letter"};
}

std::optional<Wrong> wrong_choice(std::string_view type, const json::object& o) {
  struct Choice {
    std::string_view type, word;
    std::vector<std::string> of;
    bool may_be_none;
  };
  static const std::vector<Choice> kAll = [] {
    std::vector<std::string> sources = fields_of("core.v1.Volume");
    std::erase(sources, "name");
    return std::vector<Choice>{
        {"core.v1.Probe", "probe", {"exec", "grpc", "httpGet", "tcpSocket"}, false},
        {"core.v1.LifecycleHandler", "hook", {"exec", "httpGet", "sleep", "tcpSocket"}, false},
        {"core.v1.EnvVarSource", "source", fields_of("core.v1.EnvVarSource"), false},
        {"core.v1.Volume", "volume", std::move(sources), true}};
  }();
  const auto choice = std::ranges::find(kAll, type, &Choice::type);
  if (choice == kAll.end()) return {};
  std::vector<std::string> has;
  for (const auto& [key, value] : o)
    if (!value.is_null() && std::ranges::find(choice->of, key) != choice->of.end()) has.emplace_back(key);
  if (has.size() > 1)
    return Wrong{fmt::format("a {} is of one kind, and this has {}", choice->word, join_and(has)),
                 "keep one of them"};
  if (has.empty() && !choice->may_be_none)
    return Wrong{fmt::format("a {} needs one of {}", choice->word, join_and(choice->of)), ""};
  return {};
}

}  // namespace lemmy::manifest
