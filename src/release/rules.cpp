// The rules of releases: pure.
#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "release/releases.h"

namespace lemmy::release {

std::string_view name(ReleaseState s) {
  constexpr std::string_view names[] = {"in_progress", "live", "failed", "mixed"};
  return names[static_cast<size_t>(s)];
}

std::string_view name(WayBack::Kind k) {
  constexpr std::string_view names[] = {"goes", "not_needed", "cannot"};
  return names[static_cast<size_t>(k)];
}

ReleaseState state_of(const std::vector<Deploy>& deploys) {
  auto any = [&](auto test) { return std::any_of(deploys.begin(), deploys.end(), test); };
  if (any([](const Deploy& d) { return !is_finished(d.phase); })) return ReleaseState::in_progress;
  if (any([](const Deploy& d) { return d.phase == Phase::failed; })) return ReleaseState::failed;
  if (any([](const Deploy& d) { return d.phase != Phase::live; })) return ReleaseState::mixed;
  return ReleaseState::live;
}

std::string title_of(const std::vector<Deploy>& deploys) {
  auto in = [&](Phase phase) {
    std::vector<std::string> names;
    for (const Deploy& d : deploys)
      if (d.phase == phase) names.push_back(d.target.environment);
    return names;
  };
  const auto failed = in(Phase::failed);
  switch (state_of(deploys)) {
    case ReleaseState::live:
      return "live everywhere";
    case ReleaseState::failed:
      return "failed in " + join(failed, ", ");
    case ReleaseState::in_progress:
      return fmt::format("in progress: live in {} of {}", in(Phase::live).size(), deploys.size()) +
             (failed.empty() ? "" : ", failed in " + join(failed, ", "));
    case ReleaseState::mixed:
      break;
  }
  std::vector<std::string> parts;
  for (Phase p : {Phase::live, Phase::cancelled, Phase::superseded})
    if (auto names = in(p); !names.empty())
      parts.push_back(fmt::format("{} in {}", name(p), join(names, ", ")));
  return "mixed: " + join(parts, "; ");
}

WayBack way_back(const Deploy& d, const Deploy* latest, const Deploy* serving, bool possible) {
  using Kind = WayBack::Kind;
  if (!is_finished(d.phase))
    return {Kind::cannot, 0,
            fmt::format("#{} is {}: wait for its end, or cancel it", d.number, name(d.phase))};
  if (d.phase == Phase::superseded)
    return {Kind::not_needed, 0, fmt::format("#{} was superseded before it began", d.number)};
  if (latest && latest->number > d.number)
    return {Kind::cannot, 0, fmt::format("#{} was asked for since", latest->number)};
  // A failed run has left its build on some hosts, though the one before is still taken for the serving one.
  const bool on_hosts = d.deployer == Deployer::ansible && !d.object_name.empty();
  if (d.phase != Phase::live && !on_hosts) {
    const bool same = serving && serving->number == d.follows;
    return {
        Kind::not_needed, 0,
        same ? fmt::format("#{} serves still", serving->number) : fmt::format("#{} never served", d.number)};
  }
  if (!d.follows) return {Kind::cannot, 0, fmt::format("nothing served before #{}", d.number)};
  if (!possible) return {Kind::cannot, 0, fmt::format("#{} cannot be rolled back to", *d.follows)};
  return {Kind::goes, *d.follows, ""};
}

}  // namespace lemmy::release
