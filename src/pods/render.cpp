// What is rendered for a deploy, and who wrote each field of it.
#include <fmt/format.h>

#include "base/log.h"
#include "deploy/place.h"
#include "manifest/compare.h"
#include "manifest/explain.h"
#include "pods/place.h"

namespace lemmy::pods {

using deploy::of_store;

Result<json::array> parse_manifests(const std::string& text) {
  auto v = parse_json(text, "stored manifests");
  if (!v) return fail(v.error());
  if (!v->is_array()) return fail(ErrorCode::internal, "stored manifests", "they are not a list");
  return std::move(v->get_array());
}

Task<Result<Place::Rendered>> Place::render(Deploy d) {
  auto build = co_await around_.store->build(d.target.project, d.sha);
  if (!build) co_return of_store(build.error());
  // As it was when this was asked for: it may have been announced again since.
  build->image = d.image;
  build->branch = d.branch;
  auto config = around_.config();
  const config::Project* found = config->project(d.target.project);
  if (!found || !found->environment(d.target.environment))
    co_return fail(deploy::left_configuration(*config, d.target));
  auto& cached = renderers_[d.target.project];
  std::shared_ptr<const manifest::Renderer> renderer = cached.second;
  if (!renderer || cached.first != config->revision) {
    auto made = co_await around_.pool->run(
        [config, project = *found] { return manifest::Renderer::create(*config, project); });
    if (!made) co_return fail(made.error());
    renderer = *made;
    renderers_[d.target.project] = {config->revision, renderer};
  }
  Rendering from{renderer, *build, config->revision};
  co_return co_await around_.pool->run(
      [from, environment = d.target.environment, number = d.number]() -> Result<Rendered> {
        auto m = from.renderer->render(environment, from.build, number);
        if (!m) return fail(m.error());
        return Rendered{std::move(*m), from};
      });
}

Task<std::string> Place::origins_of(Rendering from, Deploy d, json::array manifests) {
  auto explain = [from = std::move(from), environment = d.target.environment, number = d.number,
                  manifests = std::move(manifests)]() -> std::string {
    auto e = from.renderer->explain(environment, from.build, number);
    if (!e) return "";
    json::value objects = manifest::to_json(*e);
    if (!objects.is_object()) return "";
    manifest::say_sent(objects.get_object(), manifests);
    return json::serialize(json::object{
        {"revision", from.revision}, {"complete", e->complete}, {"objects", std::move(objects)}});
  };
  co_return co_await around_.pool->run(std::move(explain));
}

Task<std::string> Place::keep_origins(Deploy d, json::array manifests) {
  auto it = unexplained_.find(d.target);
  if (it == unexplained_.end() || it->second.first != d.number) co_return "";
  Rendering from = std::move(it->second.second);
  unexplained_.erase(it);
  std::string text = co_await origins_of(std::move(from), d, std::move(manifests));
  auto put = co_await put_documents(d, {{"origins", text}});
  if (!put)
    log::warning("origins are not kept", {{"project", d.target.project},
                                          {"environment", d.target.environment},
                                          {"deploy", std::to_string(d.number)},
                                          {"what", put.error().str()}});
  co_return text;
}

Task<> Place::after_apply(Deploy d) {
  if (auto it = unexplained_.find(d.target); it == unexplained_.end() || it->second.first != d.number)
    co_return;
  auto stored = co_await around_.store->document(d.target, d.number, "manifests");
  auto manifests = stored ? parse_manifests(*stored) : Result<json::array>(fail(stored.error()));
  if (manifests) co_await keep_origins(std::move(d), std::move(*manifests));
}

}  // namespace lemmy::pods
