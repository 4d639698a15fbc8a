// Dry runs: every object that would be applied, and one pod as the controller would make it.
#include <fmt/format.h>

#include <set>

#include "pods/picture.h"
#include "pods/place.h"

namespace lemmy::pods {
namespace {

// As the controller's pods are made; what refuses these is seen nowhere else before it acts.
json::object pod_of(const json::object& controller) {
  const json::value* found =
      find(controller, "spec") ? find(*find(controller, "spec"), {"template"}) : nullptr;
  json::object pod = found && found->is_object() ? found->get_object() : json::object{};
  pod["apiVersion"] = "v1";
  pod["kind"] = "Pod";
  json::value& meta = pod["metadata"];
  if (!meta.is_object()) meta = json::object{};
  const kube::Meta of = kube::parse_meta(controller);
  meta.get_object()["generateName"] = of.name.str() + "-";
  meta.get_object()["namespace"] = of.ns.view();
  return pod;
}

bool is_down(const Error& e) { return e.code == ErrorCode::unavailable || e.code == ErrorCode::timeout; }

// Without the right to create pods, or beside a webhook that takes no dry runs, nothing is known of them.
bool can_be_tried(const Error& e) {
  return !kube::may_not(e) && e.what.find("does not support dry run") == e.what.npos;
}

// What is warned of for the controller's template is warned of for its pod again.
json::array news(const std::vector<std::string>& warnings, std::set<std::string>& told) {
  json::array out;
  for (const std::string& w : warnings)
    if (told.insert(w).second) out.emplace_back(w);
  return out;
}

json::object entry(std::string_view kind, std::string_view name, const Result<json::object>& answer,
                   json::array warnings) {
  json::object o{{"kind", kind}, {"name", name}, {"ok", answer.has_value()}, {"tried", true}};
  const Error e = answer ? Error{} : answer.error();
  o["what"] = e.where.starts_with('.') ? e.where + ": " + e.what : e.what;
  o["hint"] = e.hint;
  o["warnings"] = std::move(warnings);
  return o;
}

}  // namespace

Task<Result<>> Place::try_out(std::shared_ptr<deploy::TryOut> run) {
  auto m = co_await render(run->deploy);
  if (!m) co_return fail(m.error());
  size_t refused = 0;
  bool has_controller = false;
  std::set<std::string> told;
  for (const json::value& v : m->manifests.in_order()) {
    const json::object& o = v.get_object();
    auto tried = co_await client()->try_apply(o);
    if (!tried.answer && is_down(tried.answer.error())) co_return fail(std::move(tried.answer.error()));
    refused += !tried.answer;
    const std::string_view kind = text_or(o, "kind");
    if (workload_of_kind(kind)) has_controller = tried.answer.has_value();
    run->objects.push_back(
        entry(kind, kube::parse_meta(o).name.view(), tried.answer, news(tried.warnings, told)));
  }
  if (has_controller) {
    const json::object& controller = m->manifests.controller();
    const std::string name = kube::parse_meta(controller).name.str();
    auto tried = co_await client()->try_create({"/api/v1", "pods", run->deploy.target.environment, ""},
                                               pod_of(controller));
    if (!tried.answer && is_down(tried.answer.error())) co_return fail(std::move(tried.answer.error()));
    const bool possible = tried.answer || can_be_tried(tried.answer.error());
    if (!tried.answer) tried.answer.error().what = without_names(tried.answer.error().what, name);
    json::object o = entry("Pod", name + "-*", tried.answer, news(tried.warnings, told));
    if (!possible) {
      o["ok"] = true;  // nothing that is known speaks against it
      o["tried"] = false;
    }
    run->objects.push_back(std::move(o));
    const bool no_pods = possible && !tried.answer;
    if (no_pods && refused == 0)
      co_return fail(ErrorCode::rejected, "",
                     "the cluster would refuse its pods: " + tried.answer.error().what,
                     tried.answer.error().hint);
    refused += no_pods;
  }
  if (refused == 0) co_return Result<>{};
  co_return fail(ErrorCode::rejected, "",
                 fmt::format("the cluster would refuse {} of {} objects", refused, run->objects.size()));
}

}  // namespace lemmy::pods
