#include <fmt/format.h>

#include "live/view.h"

namespace lemmy::live {
namespace {

std::string limit_text(const std::optional<int>& n) { return n ? std::to_string(*n) : "all"; }
std::string limit_text(const std::optional<milliseconds>& d) { return d ? format_duration(*d) : "all"; }

std::string size_text(int64_t bytes) {
  constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  auto n = static_cast<double>(bytes);
  size_t unit = 0;
  for (; n >= 1024 && unit + 1 < std::size(kUnits); ++unit) n /= 1024;
  return unit == 0 ? fmt::format("{} bytes", bytes) : fmt::format("{:.1f} {}", n, kUnits[unit]);
}

}  // namespace

Result<json::object> Board::store() const {
  if (!from_.retention) return fail(ErrorCode::unavailable, "store", "it is not measured here");
  retention::Retention& r = *from_.retention;
  const retention::Retention::Sizes& sizes = r.sizes();
  const config::Retention policy = from_.config()->retention;
  json::array kinds;
  for (const store::Size& s : sizes.kinds)
    kinds.push_back({{"kind", s.kind},
                     {"count", s.count},
                     {"bytes", s.bytes < 0 ? json::value(nullptr) : json::value(s.bytes)},
                     {"size", s.bytes < 0 ? "" : size_text(s.bytes)}});
  const bool measured = sizes.at != Time{};
  json::object of_store{{"kinds", std::move(kinds)},
                        {"at", measured ? json::value(format_time(sizes.at)) : json::value(nullptr)},
                        {"age", measured ? age(sizes.at) : ""}};
  json::value archive = nullptr;
  if (std::string dir = r.archive(); !dir.empty())
    archive = json::object{{"dir", dir}, {"bytes", sizes.archive}, {"size", size_text(sizes.archive)}};
  json::value trouble = nullptr;
  if (r.trouble()) trouble = error_json(*r.trouble());
  const retention::Retention::Gone& gone = r.gone();
  auto looked = r.looked_at();
  return json::object{{"store", std::move(of_store)},
                      {"policy", json::object{{"every", format_duration(policy.every)},
                                              {"deploys", limit_text(policy.deploys)},
                                              {"deploys_for", limit_text(policy.deploys_for)},
                                              {"builds", limit_text(policy.builds)},
                                              {"builds_for", limit_text(policy.builds_for)},
                                              {"deliveries_for", limit_text(policy.deliveries_for)},
                                              {"feed_for", limit_text(policy.feed_for)},
                                              {"feed_most", limit_text(policy.feed_most)}}},
                      {"archive", std::move(archive)},
                      {"forgotten", json::object{{"deploys", gone.deploys},
                                                 {"builds", gone.builds},
                                                 {"deliveries", gone.deliveries},
                                                 {"feed", gone.feed}}},
                      {"leads", from_.conductor->leading()},
                      {"looked_at", looked ? json::value(format_time(*looked)) : json::value(nullptr)},
                      {"trouble", std::move(trouble)}};
}

}  // namespace lemmy::live
