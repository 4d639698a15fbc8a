#include "release/releases.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/crypto.h"
#include "base/strings.h"

namespace lemmy::release {
namespace {

constexpr int kLookedAt = 100;
constexpr size_t kId = 12;

// The same question gives the same id.
std::string id_of(std::vector<std::string> parts) { return sha256_hex(join(parts, "\n")).substr(0, kId); }

std::string short_name(const Deploy& d) { return fmt::format("{} #{}", d.target.environment, d.number); }

Result<> check_environments(const std::vector<std::string>& names) {
  if (names.empty())
    return fail(ErrorCode::invalid, "environments", "a release names its environments",
                "two or more, such as production and production-hosts");
  std::set<std::string> seen;
  for (const std::string& name : names)
    if (!seen.insert(name).second)
      return fail(ErrorCode::invalid, "environments", fmt::format("'{}' is named twice", name));
  return {};
}

}  // namespace

std::vector<std::string> Releases::environments_of(const std::string& project) const {
  auto config = config_();
  std::vector<std::string> out;
  for (const config::Environment& e : config->environments) out.push_back(e.name);
  for (const Target& t : conductor_->targets())
    if (t.project == project && std::find(out.begin(), out.end(), t.environment) == out.end())
      out.push_back(t.environment);
  return out;
}

Task<Result<std::vector<Deploy>>> Releases::newest(Target target) const {
  auto config = config_();
  const config::Project* p = config->project(target.project);
  auto listing = co_await store_->deploys(target, {std::max(kLookedAt, p ? p->history : 0), ""});
  if (!listing) co_return fail(listing.error());
  for (Deploy& d : listing->items)
    if (const Deploy* fresh = conductor_->find(target, d.number); fresh && fresh->revision > d.revision)
      d = *fresh;
  co_return std::move(listing->items);
}

Task<Result<Deploy>> Releases::asked_before(Target target, std::string request_id) const {
  auto all = co_await newest(target);
  if (!all) co_return fail(all.error());
  for (Deploy& d : *all)
    if (d.request_id == request_id) co_return std::move(d);
  co_return fail(ErrorCode::not_found, target.str(), "nothing was asked for with this id");
}

Task<Result<>> Releases::check_key(Release release, std::vector<std::string> environments,
                                   std::string key) const {
  for (const std::string& e : environments) {
    auto before = co_await asked_before({release.project, e}, key + "/" + e);
    if (!before && before.error().code == ErrorCode::not_found) continue;
    if (!before) co_return fail(before.error());
    if (before->release != release.id)
      co_return fail(ErrorCode::conflict, "Idempotency-Key",
                     fmt::format("this key was used before, for {}", short_name(*before)),
                     "give each release a key of its own");
  }
  co_return Result<>{};
}

Task<Result<Release>> Releases::ask_all(Release release, std::vector<std::string> environments,
                                        std::string key, Make make) {
  std::vector<std::string> accepted;
  for (size_t i = 0; i < environments.size(); ++i) {
    auto made = co_await make(environments[i]);
    if (!made) {
      Error e = made.error();
      const std::vector<std::string> missing(environments.begin() + static_cast<ptrdiff_t>(i),
                                             environments.end());
      e.where = "release " + release.id;
      e.what = fmt::format("not accepted: {}: {}; accepted: {}", join(missing, ", "), e.what,
                           accepted.empty() ? "none" : join(accepted, ", "));
      e.hint =
          fmt::format("ask again with Idempotency-Key {}: what is missing is added, nothing is doubled", key);
      co_return fail(std::move(e));
    }
    accepted.push_back(short_name(*made));
    release.deploys.push_back(std::move(*made));
  }
  co_return release;
}

Task<Result<Release>> Releases::request(ReleaseRequest r) {
  if (auto ok = check_environments(r.environments); !ok) co_return fail(ok.error());
  for (const std::string& e : r.environments)
    if (auto ok = conductor_->check_target({r.project, e}); !ok) co_return fail(ok.error());
  auto build = co_await store_->build(r.project, r.build);
  if (!build) co_return fail(build.error());
  if (r.request_id.empty()) r.request_id = random_hex(12);

  std::vector<std::string> sorted = r.environments;
  std::sort(sorted.begin(), sorted.end());
  Release release{id_of({r.project, r.request_id, build->sha, join(sorted, ",")}), r.project, {}};
  if (auto ok = co_await check_key(release, r.environments, r.request_id); !ok) co_return fail(ok.error());
  Make make = [this, r, sha = build->sha, id = release.id](std::string environment) {
    return conductor_->request(
        {{r.project, environment}, sha, r.who, r.reason, r.request_id + "/" + environment, id});
  };
  co_return co_await ask_all(std::move(release), r.environments, r.request_id, std::move(make));
}

Task<Result<Release>> Releases::find(std::string project, std::string id) const {
  Release out{id, project, {}};
  for (const std::string& e : environments_of(project)) {
    auto all = co_await newest({project, e});
    if (!all) co_return fail(all.error());
    auto it = std::ranges::find_if(*all, [&](const Deploy& d) { return d.release == id; });
    if (it != all->end()) out.deploys.push_back(std::move(*it));
  }
  if (!out.deploys.empty() && !id.empty()) co_return out;
  co_return fail(ErrorCode::not_found, "release",
                 fmt::format("{} has no release '{}'", project, shorten(id, 40)),
                 fmt::format("looked for among the newest {} deploys of each environment", kLookedAt));
}

Task<Result<std::map<std::string, WayBack>>> Releases::ways_back(Release release) const {
  std::map<std::string, WayBack> out;
  for (const Deploy& d : release.deploys) {
    bool possible = false;
    if (d.follows) {
      auto earlier = co_await store_->deploy(d.target, *d.follows);
      if (!earlier && earlier.error().code != ErrorCode::not_found) co_return fail(earlier.error());
      if (earlier) {
        auto can = conductor_->possible(*earlier);
        possible = std::find(can.begin(), can.end(), deploy::Action::rollback) != can.end();
      }
    }
    out[d.target.environment] =
        way_back(d, conductor_->latest(d.target), conductor_->current(d.target), possible);
  }
  co_return out;
}

Task<Result<Release>> Releases::roll_back(ReleaseRollBack r) {
  auto old = co_await find(r.project, r.release);
  if (!old) co_return fail(old.error());
  auto ways = co_await ways_back(*old);
  if (!ways) co_return fail(ways.error());
  if (r.request_id.empty()) r.request_id = random_hex(12);
  Release release{id_of({r.project, r.request_id, "roll back", old->id}), r.project, {}};
  std::vector<std::string> all, going, reasons;
  for (const Deploy& d : old->deploys) all.push_back(d.target.environment);
  if (auto ok = co_await check_key(release, all, r.request_id); !ok) co_return fail(ok.error());

  bool cannot = false;
  std::map<std::string, int64_t> to;
  for (const std::string& e : all) {
    WayBack& way = ways->at(e);
    // Of this request asked before: it gives its deploy back.
    auto before = co_await asked_before({r.project, e}, r.request_id + "/" + e);
    if (!before && before.error().code != ErrorCode::not_found) co_return fail(before.error());
    if (before && before->rollback_of) way = {WayBack::Kind::goes, *before->rollback_of, ""};
    if (before) release.deploys.push_back(*before);
    if (way.kind != WayBack::Kind::goes) reasons.push_back(e + ": " + way.why);
    cannot = cannot || way.kind == WayBack::Kind::cannot;
    if (way.kind == WayBack::Kind::goes) {
      to[e] = way.to;
      if (!before) going.push_back(e);
    }
  }
  const std::string where = "release " + old->id;
  if (to.empty())
    co_return fail(ErrorCode::conflict, where, "there is nothing to roll back: " + join(reasons, "; "));
  if (cannot && !r.partial && release.deploys.empty())
    co_return fail(ErrorCode::conflict, where, "not all can be rolled back: " + join(reasons, "; "),
                   "with partial: true the others are rolled back all the same");
  Make make = [this, r, to, id = release.id](std::string e) {
    return conductor_->act({{r.project, e},
                            to.at(e),
                            deploy::Action::rollback,
                            r.who,
                            r.reason,
                            r.request_id + "/" + e,
                            false,
                            id});
  };
  co_return co_await ask_all(std::move(release), going, r.request_id, std::move(make));
}

}  // namespace lemmy::release
