// The shapes of live/board.h, for OpenAPI.
#include "api/common.h"

namespace lemmy::api {
namespace {

json::object of(std::string_view type) { return {{"type", type}}; }
json::object maybe(std::string_view type) { return {{"type", json::array{type, "null"}}}; }
json::object at_time() { return {{"type", "string"}, {"format", "date-time"}}; }
json::object maybe_time() { return {{"type", json::array{"string", "null"}}, {"format", "date-time"}}; }
json::object ref(std::string_view name) { return {{"$ref", "#/components/schemas/" + std::string(name)}}; }
json::object list(json::object items) { return {{"type", "array"}, {"items", std::move(items)}}; }
json::object object(json::object properties) {
  return {{"type", "object"}, {"properties", std::move(properties)}};
}
json::object one_of(std::initializer_list<std::string_view> names) {
  json::array all;
  for (std::string_view n : names) all.emplace_back(n);
  return {{"type", "string"}, {"enum", std::move(all)}};
}
json::object maybe_ref(std::string_view name) { return {{"oneOf", json::array{ref(name), of("null")}}}; }

json::object deploy() {
  return object({{"project", of("string")},
                 {"environment", of("string")},
                 {"number", of("integer")},
                 {"build", of("string")},
                 {"short_sha", of("string")},
                 {"branch", of("string")},
                 {"image", of("string")},
                 {"deployer", one_of({"kubernetes", "ansible"})},
                 {"cluster", of("string")},
                 {"phase", one_of({"queued", "preparing", "applying", "rolling_out", "settling", "live",
                                   "failed", "cancelled", "superseded"})},
                 {"title", of("string")},
                 {"presence", one_of({"none", "running", "zeroed", "deleted"})},
                 {"wanted", one_of({"running", "zeroed", "deleted"})},
                 {"who", of("string")},
                 {"reason", of("string")},
                 {"release", of("string")},
                 {"rollback_of", maybe("integer")},
                 {"follows", maybe("integer")},
                 {"created_at", at_time()},
                 {"phase_at", at_time()},
                 {"serving_since", maybe_time()},
                 {"serves", of("integer")},
                 {"out_by", of("integer")},
                 {"at_once", of("boolean")},
                 {"places", list(object({{"name", of("string")},
                                         {"kind", of("string")},
                                         {"object", of("string")},
                                         {"phase", of("string")},
                                         {"presence", of("string")},
                                         {"wanted", of("string")},
                                         {"running", of("integer")},
                                         {"cause", maybe("string")}}))},
                 {"finished_at", maybe_time()},
                 {"object_name", of("string")},
                 {"replicas", of("integer")},
                 {"cause", maybe_ref("Cause")},
                 {"note", of("string")},
                 {"age", of("string")},
                 {"url", of("string")},
                 {"finished", of("boolean")},
                 {"serving", of("boolean")},
                 {"ready", of("integer")},
                 {"wanted_pods", of("integer")},
                 {"actions", list(one_of({"cancel", "zero", "delete", "restore", "rollback", "accept"}))}});
}

json::object build() {
  return object({{"project", of("string")},
                 {"sha", of("string")},
                 {"short_sha", of("string")},
                 {"branch", of("string")},
                 {"image", of("string")},
                 {"url", of("string")},
                 {"author", of("string")},
                 {"message", of("string")},
                 {"first_pushed_at", at_time()},
                 {"pushed_at", at_time()},
                 {"age", of("string")},
                 {"targets", of("object")}});
}

// deploy/difference.h, deploy/failure.h
void add_explanations(json::object& out) {
  const auto version = [] {
    return object({{"state", one_of({"none", "same", "changed", "added", "removed", "unknown"})},
                   {"before", of("string")},
                   {"after", of("string")}});
  };
  json::object fields = object({{"object", of("string")},
                                {"path", of("string")},
                                {"change", one_of({"added", "removed", "changed"})},
                                {"before", maybe("string")},
                                {"after", maybe("string")},
                                {"from", of("string")},
                                {"by_build", of("boolean")}});
  json::object images =
      object({{"container", of("string")},
              {"before", maybe("string")},
              {"after", maybe("string")},
              {"state", one_of({"same_digest", "other_digest", "same_tag", "other", "added", "removed"})},
              {"text", of("string")}});
  out["Difference"] = object({{"build", of("object")},
                              {"fields", list(std::move(fields))},
                              {"left_out", of("integer")},
                              {"fields_why", of("string")},
                              {"images", list(std::move(images))},
                              {"config_map", version()},
                              {"secret", version()},
                              {"summary", of("string")}});
  json::object logs = object({{"previous", of("boolean")},
                              {"first", of("string")},
                              {"last", of("string")},
                              {"whole", of("boolean")}});
  json::object roles = object({{"summary", of("string")},
                               {"reason", of("string")},
                               {"container", of("string")},
                               {"exit_code", maybe("integer")},
                               {"message", of("string")},
                               {"hint", of("string")},
                               {"fatal", of("boolean")},
                               {"pods", of("integer")},
                               {"sample", of("object")},
                               {"logs", list(std::move(logs))}});
  out["Failure"] = object({{"deploy", ref("Deploy")},
                           {"cause", maybe_ref("Cause")},
                           {"at", maybe_time()},
                           {"last_good", maybe("integer")},
                           {"difference", maybe_ref("Difference")},
                           {"why", of("string")},
                           {"pods", of("integer")},
                           {"ready", of("integer")},
                           {"roles", list(std::move(roles))},
                           {"roles_left_out", of("integer")},
                           {"events", list(of("object"))}});
  out["RollbackPreview"] = object({{"to", ref("Deploy")},
                                   {"serving", maybe_ref("Deploy")},
                                   {"possible", of("boolean")},
                                   {"why", of("string")},
                                   {"difference", maybe_ref("Difference")},
                                   {"secret", maybe("string")},
                                   {"capacity", maybe("object")},
                                   {"lines", list(of("string"))}});
}

}  // namespace

json::object schemas() {
  json::object out;
  out["Deploy"] = deploy();
  out["Build"] = build();
  out["Cause"] = object({{"summary", of("string")},
                         {"pod", of("string")},
                         {"container", of("string")},
                         {"reason", of("string")},
                         {"exit_code", maybe("integer")},
                         {"message", of("string")},
                         {"hint", of("string")},
                         {"log_tail", of("string")},
                         {"previous_log_tail", of("string")},
                         {"events", list(of("object"))}});
  out["TargetState"] = object({{"environment", of("string")},
                               {"configured", of("boolean")},
                               {"health", one_of({"none", "ok", "busy", "bad", "zeroed", "unknown"})},
                               {"health_text", of("string")},
                               {"answers", maybe("object")},
                               {"deployer", one_of({"kubernetes", "ansible"})},
                               {"current", maybe_ref("Deploy")},
                               {"active", maybe_ref("Deploy")},
                               {"latest", maybe_ref("Deploy")},
                               {"queued", list(ref("Deploy"))}});
  out["Overview"] = object({{"environments", list(of("object"))},
                            {"projects", list(object({{"name", of("string")},
                                                      {"description", of("string")},
                                                      {"known", of("boolean")},
                                                      {"targets", list(ref("TargetState"))}}))},
                            {"total", of("integer")},
                            {"next", of("string")}});
  out["Builds"] = object({{"builds", list(ref("Build"))}, {"next", of("string")}});
  out["Deploys"] = object({{"deploys", list(ref("Deploy"))}, {"next", of("string")}});
  out["Status"] = object({{"deploy", ref("Deploy")},
                          {"build", maybe_ref("Build")},
                          {"cause", maybe_ref("Cause")},
                          {"queue", maybe("object")},
                          {"cluster", of("object")},
                          {"pods", list(of("object"))},
                          {"answers", maybe("object")},
                          {"autoscaler", maybe("object")},
                          {"events", list(of("object"))},
                          {"history", list(of("object"))},
                          {"secret_changed", of("boolean")},
                          {"previous", list(ref("Deploy"))}});
  json::object happened = object(
      {{"id", of("string")},
       {"at", at_time()},
       {"project", of("string")},
       {"environment", of("string")},
       {"number", of("integer")},
       {"what", one_of({"queued", "started", "live", "rolled_back", "failed", "cancelled", "superseded",
                        "zeroed", "restored", "deleted", "replaced", "taken_out", "let_in"})},
       {"build", of("string")},
       {"phase", of("string")},
       {"phase_before", maybe("string")},
       {"who", of("string")},
       {"asked_by", of("string")},
       {"cause", of("string")},
       {"out_by", of("integer")},
       {"rollback_of", of("integer")},
       {"release", of("string")},
       {"url", of("string")}});
  out["Events"] = object({{"events", list(std::move(happened))},
                          {"next", of("string")},
                          {"more", of("boolean")},
                          {"missed", of("boolean")},
                          {"last", of("string")}});
  json::object not_compared =
      list(object({{"kind", of("string")}, {"name", of("string")}, {"why", of("string")}}));
  out["Drift"] = object(
      {{"project", of("string")},
       {"environment", of("string")},
       {"number", of("integer")},
       {"at", at_time()},
       {"complete", of("boolean")},
       {"compared", of("integer")},
       {"items", list(object({{"kind", of("string")},
                              {"name", of("string")},
                              {"what", one_of({"deleted", "changed", "removed", "added", "other_deploy"})},
                              {"path", of("string")},
                              {"applied", maybe("string")},
                              {"live", maybe("string")},
                              {"manager", of("string")},
                              {"at", of("string")},
                              {"deploy", maybe("integer")},
                              {"text", of("string")}}))},
       {"left_out", of("integer")},
       {"unasked", not_compared},
       {"refused", not_compared}});
  out["Strays"] = object({{"total", of("integer")},
                          {"items", list(object({{"cluster", of("string")},
                                                 {"kind", of("string")},
                                                 {"namespace", of("string")},
                                                 {"name", of("string")},
                                                 {"project", of("string")},
                                                 {"number", of("integer")},
                                                 {"wanted", of("integer")},
                                                 {"ready", of("integer")},
                                                 {"text", of("string")}}))}});
  out["Store"] = object({{"store", object({{"kinds", list(object({{"kind", of("string")},
                                                                  {"count", of("integer")},
                                                                  {"bytes", maybe("integer")},
                                                                  {"size", of("string")}}))},
                                           {"at", maybe_time()},
                                           {"age", of("string")}})},
                         {"policy", of("object")},
                         {"archive", maybe("object")},
                         {"forgotten", of("object")},
                         {"leads", of("boolean")},
                         {"looked_at", maybe_time()},
                         {"trouble", maybe("object")}});
  add_explanations(out);
  out["Release"] = object({{"release", object({{"id", of("string")},
                                               {"project", of("string")},
                                               {"build", of("string")},
                                               {"who", of("string")},
                                               {"reason", of("string")},
                                               {"created_at", at_time()},
                                               {"url", of("string")},
                                               {"rollback", of("boolean")},
                                               {"state", one_of({"in_progress", "live", "failed", "mixed"})},
                                               {"title", of("string")},
                                               {"finished", of("boolean")},
                                               {"can_go_back", of("boolean")},
                                               {"all_can_go_back", of("boolean")}})},
                           {"deploys", list(ref("Deploy"))}});
  out["DryRun"] = object({{"id", of("string")},
                          {"project", of("string")},
                          {"environment", of("string")},
                          {"build", of("string")},
                          {"deployer", one_of({"kubernetes", "ansible"})},
                          {"who", of("string")},
                          {"state", one_of({"running", "passed", "failed", "cancelled"})},
                          {"finished", of("boolean")},
                          {"started_at", at_time()},
                          {"finished_at", maybe_time()},
                          {"note", of("string")},
                          {"cause", maybe_ref("Cause")},
                          {"hosts", maybe("object")},
                          {"objects", list(of("object"))}});
  return out;
}

}  // namespace lemmy::api
