// The shapes of live/board.h, for OpenAPI.
#include "api/schema.h"

namespace lemmy::api {

json::object schemas() {
  using namespace schema;
  json::object out;
  out["Build"] = object({{"project", of("string")},
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
                               {"drift", maybe("integer")},
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
       {"items",
        list(object({{"kind", of("string")},
                     {"name", of("string")},
                     {"what", one_of({"deleted", "changed", "removed", "added", "other_deploy", "left"})},
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
  out["Whoami"] = object(
      {{"name", of("string")},
       {"kind", one_of({"user", "token", "anonymous"})},
       {"role", one_of({"viewer", "deployer", "admin"})},
       {"projects", maybe("array")},
       {"environments",
        list(object({{"name", of("string")}, {"may_deploy", of("boolean")}, {"why", of("string")}}))}});
  out["AcceptedCluster"] = object({{"cluster", of("string")}, {"uid", of("string")}});
  out["Strays"] = object({{"total", of("integer")},
                          {"items", list(object({{"cluster", of("string")},
                                                 {"kind", of("string")},
                                                 {"namespace", of("string")},
                                                 {"name", of("string")},
                                                 {"project", of("string")},
                                                 {"number", of("integer")},
                                                 {"known", of("boolean")},
                                                 {"url", of("string")},
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
  add_deploy_schemas(out);
  return out;
}

}  // namespace lemmy::api
