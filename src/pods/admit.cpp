// Who gets requests: label kAnswersLabel of pods and templates, and the Service that selects by it.
#include <fmt/format.h>

#include "deploy/crash_point.h"
#include "domain/names.h"
#include "pods/place.h"

namespace lemmy::pods {

using deploy::of_place;
using deploy::of_store;

namespace {

constexpr size_t kTogether = 8;
constexpr int kRounds = 5;

kube::Ref pod_ref(const kube::Pod& p) {
  return {"/api/v1", "pods", std::string(p.meta.ns.view()), std::string(p.meta.name.view())};
}
json::object labels(std::string_view answers) {
  return {{"metadata", {{"labels", {{kAnswersLabel, answers}}}}}};
}
json::object template_labels(std::string_view answers) { return {{"spec", {{"template", labels(answers)}}}}; }
kube::Answers as(bool answers) { return answers ? kube::Answers::yes : kube::Answers::no; }

// Gone meanwhile is as good.
Task<Result<>> patch(kube::Client* client, kube::Ref ref, json::object changes) {
  auto done = co_await client->patch(std::move(ref), std::move(changes));
  if (done || done.error().code == ErrorCode::not_found) co_return Result<>{};
  co_return of_place(std::move(done.error()));
}

}  // namespace

bool Place::is_admitted(const Deploy& d, bool answers) const {
  if (!cluster_.is_live(d.target.environment, workload_of(d)))
    return true;  // nothing is known that would have to be changed
  const WorkloadTraits& of = traits(workload_of(d));
  const kube::Controller* controller = cluster_.controller(of.workload, d.target.environment, d.object_name);
  if (controller && controller->meta.deleting) return true;
  if (!controller) {  // somebody took it away from its pods, which stay as they are
    for (const kube::Pod* p : cluster_.pods({d.target, d.number}, ""))
      if (!p->meta.deleting && p->answers != as(answers) && (!answers || p->answers == kube::Answers::no))
        return false;
    return answers || !still_answers(d, "");
  }
  // Of a Lemmy of before, whose Service selects all: until anything of the target has the label.
  const auto says = [](const kube::Controller* c) { return c->answers != kube::Answers::unsaid; };
  if (answers && !says(controller) && std::ranges::none_of(cluster_.controllers(d.target), says)) return true;
  // Another template would make new pods: theirs are labelled one by one as they come.
  if (of.template_is_of_new_pods && controller->answers != as(answers)) return false;
  if (!answers && cluster_.autoscaler(d.target.environment, d.object_name)) return false;
  for (const kube::Pod* p : cluster_.pods({d.target, d.number}, controller->meta.uid.view()))
    if (!p->meta.deleting && p->answers != as(answers)) return false;
  return answers || !still_answers(d, controller->meta.uid.view());
}

// The labels are right, and the Service may select by others: somebody applied it as it was before.
bool Place::still_answers(const Deploy& d, std::string_view controller) const {
  const auto answering = cluster_.answering(d.target);
  if (!answering) return false;
  const auto own = cluster_.pods({d.target, d.number}, controller);
  return std::ranges::any_of(*answering, [&](const kube::Pod* p) {
    return !p->meta.deleting && std::ranges::find(own, p) != own.end();
  });
}

Task<Result<>> Place::admit(Deploy d, bool answers) {
  if (!answers) {
    auto taken = co_await take_over(d.target);
    if (!taken) co_return taken;
    // It would go by the load of pods that have none.
    if (auto may = may_act(); !may) co_return may;
    auto gone = co_await client()->remove(autoscaler_ref(d));
    if (!gone) co_return of_place(std::move(gone.error()));
    deploy::crash_point();
  }
  const WorkloadTraits& of = traits(workload_of(d));
  const auto* seen = cluster_.controller(of.workload, d.target.environment, d.object_name);
  const bool was_out = seen && (seen->answers == kube::Answers::no || !of.template_is_of_new_pods);
  if (answers && was_out) {
    // Before the labels: once these are there nobody looks for it again.
    auto scaled = co_await apply_autoscaler(d);
    if (!scaled) co_return scaled;
    deploy::crash_point();
  }
  // Pods to come first, so that none slips through.
  if (auto may = may_act(); !may) co_return may;
  const std::string_view value = answers ? "yes" : "no";
  std::string uid;  // empty: it is gone
  if (of.template_is_of_new_pods) {
    auto controller = co_await client()->patch(controller_ref(d), template_labels(value));
    if (!controller && controller.error().code != ErrorCode::not_found)
      co_return of_place(std::move(controller.error()));
    if (controller) uid = kube::parse_meta(*controller).uid.str();
  } else {
    auto controller = co_await client()->get(controller_ref(d));
    if (!controller) co_return of_place(std::move(controller.error()));
    if (*controller) uid = kube::parse_meta(**controller).uid.str();
  }
  deploy::crash_point();
  auto pods = co_await cluster_.list_pods({d.target, d.number}, uid);
  if (!pods) co_return of_place(std::move(pods.error()));
  std::erase_if(*pods, [&](const kube::Pod& p) { return p.answers == as(answers); });
  co_return co_await label_pods(*pods, value);
}

// The right to patch pods may be missing: the first alone tells.
Task<Result<>> Place::label_pods(const std::vector<kube::Pod>& pods, std::string_view answers) {
  for (size_t i = 0; i < pods.size();) {
    if (auto may = may_act(); !may) co_return may;
    std::vector<Task<Result<>>> some;
    const size_t upto = std::min(pods.size(), i == 0 ? 1 : i + kTogether);
    for (; i < upto; ++i) some.push_back(patch(client(), pod_ref(pods[i]), labels(answers)));
    auto done = co_await all(std::move(some));
    for (auto& one : done)
      if (!one) co_return fail(std::move(one.error()));
    deploy::crash_point();
  }
  co_return Result<>{};
}

Task<Result<>> Place::apply_autoscaler(Deploy d) {
  auto stored = co_await around_.store->document(d.target, d.number, "manifests");
  if (!stored) co_return of_store(stored.error());
  auto list = parse_json(*stored, "stored manifests");
  if (!list || !list->is_array()) co_return Result<>{};
  for (json::value& v : list->get_array()) {
    if (!v.is_object() || text_or(v.get_object(), "kind") != "HorizontalPodAutoscaler") continue;
    if (auto may = may_act(); !may) co_return may;
    auto done = co_await client()->apply(std::move(v.get_object()), false);
    if (!done) co_return of_place(std::move(done.error()));
  }
  co_return Result<>{};
}

Task<Result<>> Place::label_all(Target target) {
  if (auto trouble = cluster_.trouble(target.environment)) {
    // As the watches saw it last: what is refused there may be allowed by now.
    trouble->code = ErrorCode::unavailable;
    co_return of_place(*trouble);
  }
  if (!cluster_.synced(target.environment))
    co_return of_place({ErrorCode::unavailable, cluster_.name(), "its picture is being read"});
  // Pods to come: of every controller that pods of the Service may have.
  std::vector<kube::Ref> unsaid;
  for (const kube::Controller* controller : cluster_.controllers(target))
    if (const WorkloadTraits& of = traits(controller->workload);
        controller->answers == kube::Answers::unsaid && of.template_is_of_new_pods)
      unsaid.push_back(
          {std::string(of.api), std::string(of.resource), target.environment, controller->meta.name.str()});
  for (kube::Ref& ref : unsaid) {
    if (auto may = may_act(); !may) co_return may;
    auto done = co_await patch(client(), std::move(ref), template_labels("yes"));
    if (!done) co_return done;
    deploy::crash_point();
  }
  // A controller may go by the template of before for a moment.
  for (int round = 0; round < kRounds; ++round) {
    auto pods = co_await cluster_.list_pods(target, fmt::format("!{}", kAnswersLabel));
    if (!pods) co_return of_place(std::move(pods.error()));
    if (pods->empty()) co_return Result<>{};
    auto done = co_await label_pods(*pods, "yes");
    if (!done) co_return done;
  }
  co_return of_place(
      {ErrorCode::unavailable, target.str(), "pods without the label come as fast as they get it"});
}

Task<Result<>> Place::take_over(Target target) {
  const kube::Ref ref{"/api/v1", "services", target.environment, target.project};
  auto service = co_await client()->get(ref);
  if (!service) co_return of_place(std::move(service.error()));
  const json::value* spec = *service ? find(**service, "spec") : nullptr;
  const json::value* selector = spec ? find(*spec, {"selector"}) : nullptr;
  if (!selector) co_return Result<>{};
  // Whatever it selects: somebody may have set labels back.
  auto labelled = co_await label_all(target);
  if (!labelled) co_return labelled;
  if (selector->is_object() && text_or(selector->get_object(), kAnswersLabel) == "yes") co_return Result<>{};
  if (auto may = may_act(); !may) co_return may;
  json::object changes{{"spec", {{"selector", {{kAnswersLabel, "yes"}}}}}};
  auto done = co_await patch(client(), ref, std::move(changes));
  if (!done) co_return done;
  deploy::crash_point();
  co_return Result<>{};
}

}  // namespace lemmy::pods
