#include <algorithm>

#include "domain/names.h"
#include "live/view.h"
#include "release/releases.h"

namespace lemmy::live {

Task<Result<json::object>> Board::release(std::string project, std::string id) const {
  const release::Releases releases(from_.conductor, from_.store, from_.config);
  auto found = co_await releases.find(project, id);
  if (!found) co_return fail(found.error());
  auto ways = co_await releases.ways_back(*found);
  if (!ways) co_return fail(ways.error());

  using Kind = release::WayBack::Kind;
  bool some = false, all = true;
  json::array deploys;
  for (const Deploy& d : found->deploys) {
    const release::WayBack& way = ways->at(d.target.environment);
    some = some || way.kind == Kind::goes;
    all = all && way.kind != Kind::cannot;
    json::object o = deploy_json(d);
    o["way_back"] = json::object{{"kind", release::name(way.kind)}, {"to", way.to}, {"why", way.why}};
    deploys.push_back(std::move(o));
  }
  const Deploy& first = *std::ranges::min_element(found->deploys, {}, &Deploy::created_at);
  const release::ReleaseState state = release::state_of(found->deploys);
  json::object out;
  out["release"] = json::object{{"id", id},
                                {"project", project},
                                {"build", first.sha},
                                {"short_sha", short_sha(first.sha)},
                                {"branch", first.branch},
                                {"who", first.who},
                                {"reason", first.reason},
                                {"created_at", format_time(first.created_at)},
                                {"age", age(first.created_at)},
                                {"url", release_url(project, id)},
                                {"rollback", first.rollback_of.has_value()},
                                {"state", release::name(state)},
                                {"title", release::title_of(found->deploys)},
                                {"finished", state != release::ReleaseState::in_progress},
                                {"can_go_back", some},
                                {"all_can_go_back", all}};
  out["deploys"] = std::move(deploys);
  co_return out;
}

}  // namespace lemmy::live
