// environments.yaml retention.
#include "config/loader.h"

namespace lemmy::config {
namespace {

constexpr std::chrono::days kLongest{36'500};

// `never`: all is kept.
std::optional<milliseconds> age(Reader& r, const std::string& key, std::optional<milliseconds> otherwise,
                                milliseconds least) {
  if (!r.has(key)) return otherwise;
  const std::string text = r.text(key);
  if (text == "never" || text == "0") return std::nullopt;
  auto d = r.duration(key, least, kLongest);
  return d ? d : otherwise;
}

std::optional<int> newest(Reader& r, const std::string& key, std::optional<int> otherwise) {
  if (!r.has(key)) return otherwise;
  if (r.text(key) == "never") return std::nullopt;
  const int n = r.number(key, 0, 0, 10'000'000);
  return n == 0 ? std::nullopt : std::optional(n);
}

}  // namespace

Retention read_retention(Reader& r) {
  Retention out;
  out.every = r.duration("every", seconds{1}, std::chrono::days{1}).value_or(out.every);
  out.deploys = newest(r, "deploys", out.deploys);
  out.deploys_for = age(r, "deploys_for", out.deploys_for, milliseconds{1});
  out.builds = newest(r, "builds", out.builds);
  out.builds_for = age(r, "builds_for", out.builds_for, milliseconds{1});
  // A call that is repeated must still be known.
  out.deliveries_for = age(r, "deliveries_for", out.deliveries_for, std::chrono::hours{1});
  out.feed_for = age(r, "feed_for", out.feed_for, milliseconds{1});
  out.feed_most = newest(r, "feed_most", out.feed_most);
  return out;
}

}  // namespace lemmy::config
