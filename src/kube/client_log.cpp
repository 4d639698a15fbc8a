// Logs of containers.
#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "kube/client.h"

namespace lemmy::kube {
namespace {
constexpr milliseconds kLogLimit{12'000};
constexpr size_t kLogAsked = 4u << 20, kLogKept = 64u << 10, kLogBegin = 16u << 10;
}  // namespace

Task<Result<std::string>> Client::log(std::string ns, std::string pod, std::string container, bool previous,
                                      int lines) {
  std::string where = fmt::format("log of {} in {}", pod, ns);
  const std::string target =
      fmt::format("/api/v1/namespaces/{}/pods/{}/log?container={}{}", ns, net::percent_encode(pod),
                  net::percent_encode(container), previous ? "&previous=true" : "");
  const size_t asked = lines > 0 ? kLogAsked : kLogBegin;
  for (;;) {
    net::ClientRequest request{"GET", fmt::format("{}&limitBytes={}", target, asked)};
    if (lines > 0) request.target += fmt::format("&tailLines={}", lines);
    auto r = co_await send(std::move(request), kLogLimit, 2 * asked);
    if (!r) co_return fail(r.error());
    if (r->status != 200) co_return fail(api_error(r->status, r->body, where));
    // A kubelet counts limitBytes from the first of the last lines: when it cut, the end is what is missing.
    if (lines > 1 && r->body.size() >= asked) {
      lines = std::max(1, lines / 8);
      continue;
    }
    co_return valid_utf8(lines > 0 ? last_lines(r->body, kLogKept) : std::string_view(r->body));
  }
}

std::string_view last_lines(std::string_view text, size_t most) {
  if (text.size() <= most) return text;
  const bool whole = text[text.size() - most - 1] == '\n';
  text.remove_prefix(text.size() - most);
  const size_t line = text.find('\n');
  // One line that is longer than all keeps its end.
  if (!whole && line != text.npos && line + 1 < text.size()) text.remove_prefix(line + 1);
  return text;
}

}  // namespace lemmy::kube
